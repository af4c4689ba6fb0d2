//! The front door: MQTT 3.1.1 over a listener of our own. In come connections, out go batches of
//! [`Arrival`](crate::model::Arrival)s to the [`Door`], each acknowledged only once it is durable.
//!
//! Every topic is checked against the client's role, in publishes, wills and subscriptions, before
//! anything else sees it. What devices publish never enters rumqttd's router; the router carries
//! what Spor publishes to the few that subscribe, and ingest does not notice when it falls.

mod admission;
mod bounds;
mod config;
mod connection;
mod door;
mod end;
#[cfg(any(test, fuzzing))]
pub mod exercise;
mod frame;
mod handshake;
mod listener;
mod outside;
mod permission;
mod publisher;
mod refusal;
mod relay;
mod router;
mod session;
mod subscription;
mod tls;
mod wire;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use door::{Append, Door};
pub use outside::Outside;
pub use publisher::Publisher;

use crate::model::ClientRole;
use bounds::{Counts, InFlight, Logins, Meter};
use publisher::Commands;
use refusal::Refusals;
use router::Hub;
use session::Registry;
use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tls::Tls;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A name and its password, asked for a role; none when either is wrong.
pub type AskPassword = Arc<dyn Fn(&str, &[u8]) -> Option<ClientRole> + Send + Sync>;

/// The name in a verified certificate, asked for a role; none when it has no credential.
pub type AskCertificate = Arc<dyn Fn(&str) -> Option<ClientRole> + Send + Sync>;

/// Who may come in, and as what.
#[derive(Clone)]
pub struct Verify {
    /// Answers at once, for passwords that were right before.
    pub remembered: AskPassword,
    /// Called on a blocking thread, because password hashes are slow on purpose.
    pub password: AskPassword,
    /// Answers at once.
    pub certificate: AskCertificate,
}

const TLS_LISTEN: &str = "mqtt.tls_listen";

/// Why the front door does not open.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Without credentials anyone could publish: only this machine may reach such a broker.
    #[error(
        "{key} {address} is not loopback and no credentials are configured: set mqtt.credentials to a file made by `spor credentials add`{}, or listen on 127.0.0.1",
        if *key == TLS_LISTEN { ", or mqtt.tls_client_ca to the file of who signs the clients' certificates" } else { "" }
    )]
    OpenToTheNetwork {
        /// `mqtt.listen` or `mqtt.tls_listen`.
        key: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// TLS without what it needs.
    #[error("mqtt.tls_listen needs mqtt.tls_certificate and mqtt.tls_key")]
    TlsFilesMissing,
    /// One of the files of TLS can't be used.
    #[error("mqtt.{key} {path}: {reason}")]
    TlsFile {
        /// The setting that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why, for people; never anything from the file.
        reason: String,
    },
    /// The address can't be listened on.
    #[error(
        "{key} {address} can't be listened on: {source}: choose another address, or stop what listens there"
    )]
    Listen {
        /// `mqtt.listen` or `mqtt.tls_listen`.
        key: &'static str,
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
    tls: Option<(TcpListener, SocketAddr, Arc<Tls>)>,
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
    door: Door,
    registry: Arc<Registry>,
    hub: Arc<Hub>,
    commands: Arc<Commands>,
    refusals: Refusals,
    bounds: Bounds,
    /// Passwords that are checked at a time.
    hashing: Semaphore,
    stop: CancellationToken,
}

/// What the settings come to: where TLS is to be listened for, and with what.
fn settle(
    config: &Config,
    has_credentials: bool,
) -> Result<Option<(SocketAddr, Tls)>, BrokerError> {
    let open = |key, address| Err(BrokerError::OpenToTheNetwork { key, address });
    if !has_credentials && !config.listen.ip().is_loopback() {
        return open("mqtt.listen", config.listen);
    }
    let Some(address) = config.tls_listen else { return Ok(None) };
    let known = has_credentials || config.tls_client_ca.is_some();
    if !known && !address.ip().is_loopback() {
        return open(TLS_LISTEN, address);
    }
    Ok(Some((address, Tls::load(config, has_credentials)?)))
}

async fn listen(
    key: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), BrokerError> {
    let failed = |source| BrokerError::Listen { key, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// What is bounded for all connections together.
struct Bounds {
    places: Arc<Semaphore>,
    addresses: Arc<Counts<IpAddr>>,
    credentials: Arc<Counts<Arc<str>>>,
    meter: Mutex<Meter>,
    in_flight: InFlight,
    logins: Logins,
}

impl Bounds {
    fn new(config: &Config) -> Self {
        let places = config.max_connections.min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            addresses: Counts::new(config.max_connections_per_address),
            credentials: Counts::new(config.max_connections_per_credential),
            meter: Mutex::new(Meter::new(
                config.max_total_messages_per_s,
                config.max_total_bytes_per_s,
            )),
            in_flight: InFlight::new(config.max_total_in_flight),
            logins: Logins::new(config.max_failed_logins_per_min),
        }
    }
}

impl Broker {
    /// Binds the address. Without `verify` the broker is open, which only loopback may be.
    ///
    /// # Errors
    /// [`BrokerError`] when the address is taken, or open to the network without credentials.
    pub async fn bind(config: Config, verify: Option<Verify>) -> Result<Self, BrokerError> {
        let settled = settle(&config, verify.is_some())?;
        let (listener, address) = listen("mqtt.listen", config.listen).await?;
        let tls = match settled {
            None => None,
            Some((address, tls)) => {
                let (listener, address) = listen(TLS_LISTEN, address).await?;
                Some((listener, address, Arc::new(tls)))
            }
        };
        let hub = Hub::new(&config);
        let (publisher, events) = Publisher::new(config.event_queue);
        Ok(Self { listener, address, tls, config, verify, hub, publisher, events })
    }

    /// Looks at the settings without binding anything; `has_credentials` says whether
    /// `mqtt.credentials` is set.
    ///
    /// # Errors
    /// As [`Broker::bind`], but for addresses that are taken.
    pub fn check(config: &Config, has_credentials: bool) -> Result<(), BrokerError> {
        settle(config, has_credentials).map(drop)
    }

    /// The address that was bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The address that was bound for TLS, when that is configured.
    #[must_use]
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls.as_ref().map(|(_, address, _)| *address)
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
    /// after. What is published goes to `door`; while that has no room, sockets are read later.
    pub async fn run(self, mut door: Door, tracker: TaskTracker, stop: CancellationToken) {
        let (durable, relaying) = relay::relay(door.durable);
        door.durable = durable;
        tracker.spawn(relaying);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let shared = Arc::new(Shared {
            registry: Registry::new(&self.config),
            hub: Arc::clone(&self.hub),
            commands: self.publisher.commands(),
            refusals: Refusals::new(),
            bounds: Bounds::new(&self.config),
            hashing: Semaphore::new(cores),
            config: self.config,
            verify: self.verify,
            door,
            stop: stop.clone(),
        });
        let over_tls = async {
            if let Some((listener, _, tls)) = self.tls {
                listener::accept(listener, Some(tls), &shared, &tracker).await;
            }
        };
        tokio::join!(
            listener::accept(self.listener, None, &shared, &tracker),
            over_tls,
            publisher::carry(self.hub, self.events, stop),
            listener::expire(&shared),
        );
    }
}
