//! The front door: MQTT 3.1.1 over a listener of our own. In come connections, out go batches of
//! [`Arrival`]s to the door, each acknowledged only after the door took it.
//!
//! Every topic is checked against the client's role, in publishes, wills and subscriptions, before
//! anything else sees it. What devices publish never enters rumqttd's router; the router carries
//! what Spor publishes to the few that subscribe, and ingest does not notice when it falls.

mod admission;
mod config;
mod connection;
mod door;
mod frame;
mod handshake;
mod listener;
mod outside;
mod permission;
mod publisher;
mod refusal;
mod router;
mod session;
mod subscription;
mod wire;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use door::{Append, Door};
pub use outside::Outside;
pub use publisher::Publisher;

use crate::model::{Arrival, ClientRole};
use publisher::Commands;
use refusal::Refusals;
use router::Hub;
use session::Registry;
use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Says which role a name and its password have; none when either is wrong. It is called on a
/// blocking thread, because password hashes are slow on purpose.
pub type Verify = Arc<dyn Fn(&str, &[u8]) -> Option<ClientRole> + Send + Sync>;

/// Why the front door does not open.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Without credentials anyone could publish: only this machine may reach such a broker.
    #[error(
        "mqtt.listen {0} is not loopback and no credentials are configured: set mqtt.credentials to a file made by `spor credentials add`, or listen on 127.0.0.1"
    )]
    OpenToTheNetwork(SocketAddr),
    /// The address can't be listened on.
    #[error("mqtt.listen {address} can't be listened on: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The outside broker's address is none, or says too much.
    #[error("mqtt.url: {0}")]
    Url(&'static str),
    /// A file that the outside broker's settings name can't be read.
    #[error("{key} {path}: {source}")]
    File {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody is trusted to vouch for the outside broker.
    #[error("mqtt.url: {0} has no certificate of an authority: set mqtt.url_ca to a PEM file")]
    NoCertificates(String),
    /// TLS can't be set up.
    #[error("mqtt.url: {0}")]
    Tls(String),
}

impl BrokerError {
    /// True when the user's settings are wrong, rather than the machine.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        !matches!(self, Self::Listen { .. } | Self::Tls(_))
    }
}

/// The front door, bound to its address but not yet open.
pub struct Broker {
    listener: TcpListener,
    address: SocketAddr,
    config: Config,
    verify: Option<Verify>,
    hub: Arc<Hub>,
    publisher: Publisher,
    events: mpsc::Receiver<(String, Vec<u8>)>,
}

/// What all connections share.
struct Shared {
    config: Config,
    verify: Option<Verify>,
    door: mpsc::Sender<Vec<Arrival>>,
    registry: Arc<Registry>,
    hub: Arc<Hub>,
    commands: Arc<Commands>,
    refusals: Refusals,
    /// Passwords that are checked at a time.
    hashing: Semaphore,
    stop: CancellationToken,
}

impl Broker {
    /// Binds the address. Without `verify` the broker is open, which only loopback may be.
    ///
    /// # Errors
    /// [`BrokerError`] when the address is taken, or open to the network without credentials.
    pub async fn bind(config: Config, verify: Option<Verify>) -> Result<Self, BrokerError> {
        let address = config.listen;
        if verify.is_none() && !address.ip().is_loopback() {
            return Err(BrokerError::OpenToTheNetwork(address));
        }
        let listen = |source| BrokerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let hub = Hub::new(&config);
        let (publisher, events) = Publisher::new(config.event_queue);
        Ok(Self { listener, address, config, verify, hub, publisher, events })
    }

    /// The address that was bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// True when no credentials are asked for.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.verify.is_none()
    }

    /// Publishes for Spor, before and while the broker runs.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Serves until `stop`: each connection is a task of `tracker`, which ends by itself soon
    /// after. What is published goes to `door`; while that is full, sockets are not read.
    pub async fn run(
        self,
        door: mpsc::Sender<Vec<Arrival>>,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let shared = Arc::new(Shared {
            registry: Registry::new(&self.config),
            hub: Arc::clone(&self.hub),
            commands: self.publisher.commands(),
            refusals: Refusals::new(),
            hashing: Semaphore::new(cores),
            config: self.config,
            verify: self.verify,
            door,
            stop: stop.clone(),
        });
        tokio::join!(
            listener::accept(self.listener, Arc::clone(&shared), tracker),
            publisher::carry(self.hub, self.events, stop),
            listener::expire(shared),
        );
    }
}
