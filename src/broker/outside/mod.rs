//! An outside broker in place of the front door: Spor is its client, with a session that the
//! broker keeps while Spor is away. In come what devices publish there, to the same door and under
//! the same rule: a message is acknowledged once it is durable. Out go events.

mod address;
mod backoff;
mod connection;
mod status;
mod tls;
mod unacknowledged;

use super::{BrokerError, Config, Door, Publisher};
use address::Address;
use connection::{Around, Ended};
use rumqttc::{MqttOptions, Transport};
use status::{Status, Trouble};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// The broker is pinged this often; it takes Spor for gone after one and a half times as much.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The largest packet that MQTT knows, bytes. A smaller limit would end the connection at a larger
/// packet, which the broker would send again on the next one, and so for ever.
const LARGEST_PACKET: usize = 268_435_455;
/// A connection that held this long is forgiven the failures before it.
const STEADY: Duration = Duration::from_secs(10);

/// The client of the broker at `mqtt.url`, not yet connected.
pub struct Outside {
    address: Address,
    transport: Transport,
    client_id: String,
    password: Password,
    config: Config,
    status: Status,
    publisher: Publisher,
    events: mpsc::Receiver<(String, Vec<u8>)>,
}

/// Where the password comes from. A file is read anew for each connection.
enum Password {
    None,
    Given(String),
    File(PathBuf),
}

impl Password {
    fn read(&self) -> Result<String, BrokerError> {
        match self {
            Self::None => Ok(String::new()),
            Self::Given(password) => Ok(password.clone()),
            Self::File(path) => std::fs::read_to_string(path)
                .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|source| BrokerError::File {
                    key: "mqtt.url_password_file",
                    path: path.clone(),
                    source,
                }),
        }
    }
}

impl Outside {
    /// Makes the client of the broker at `url`. `client_id` names the session that the broker
    /// keeps, and must stay the same; `password` is used unless a file is configured.
    ///
    /// # Errors
    /// [`BrokerError`] when the settings can't be right: nothing is connected yet.
    pub fn new(
        config: Config,
        url: &str,
        client_id: String,
        password: Option<String>,
    ) -> Result<Self, BrokerError> {
        let address = Address::parse(url).map_err(BrokerError::Url)?;
        let password = match (config.url_password_file.clone(), password) {
            (Some(path), _) => Password::File(path),
            (None, Some(password)) => Password::Given(password),
            (None, None) => Password::None,
        };
        if matches!(password, Password::File(_)) && address.user.is_none() {
            return Err(BrokerError::Url("a password needs a user: mqtt://user@host"));
        }
        password.read()?;
        if config.url_ca.is_some() && !address.tls {
            return Err(BrokerError::Url("mqtt.url_ca is for mqtts:// only"));
        }
        let transport = match address.tls {
            true => tls::transport(config.url_ca.as_deref())?,
            false => Transport::Tcp,
        };
        if address.user.is_some() && address.is_in_the_clear() {
            tracing::warn!("mqtt.url sends the password unencrypted: mqtts:// would not");
        }
        let (publisher, events) = Publisher::new(config.event_queue);
        let status = Status::new(address.to_string());
        Ok(Self { address, transport, client_id, password, config, status, publisher, events })
    }

    /// The broker's address, without user and password.
    #[must_use]
    pub fn url(&self) -> String {
        self.address.to_string()
    }

    /// Publishes for Spor, before and while it runs.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// What is wrong with the broker, for people; none while it is heard.
    #[must_use]
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.status.shown()
    }

    /// Serves until `stop`, connecting again whenever the connection is lost.
    pub async fn run(mut self, door: Door, stop: CancellationToken) {
        let source: Arc<str> = self.url().into();
        let mut failures = 0_u32;
        loop {
            let began = Instant::now();
            let ended = match self.options() {
                Ok(options) => {
                    let around = Around {
                        door: &door,
                        events: &mut self.events,
                        status: &mut self.status,
                        source: &source,
                        max_in_flight: self.config.max_in_flight.max(1),
                        max_payload: self.config.max_packet_bytes,
                    };
                    connection::serve(options, around, &stop).await
                }
                Err(error) => Ended::Failed(Trouble::Setting(error.to_string())),
            };
            let Ended::Failed(trouble) = ended else { return };
            self.status.wrong(trouble);
            failures = if began.elapsed() < STEADY { failures.saturating_add(1) } else { 1 };
            tokio::select! {
                () = tokio::time::sleep(backoff::wait(failures, rand::random())) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    fn options(&self) -> Result<MqttOptions, BrokerError> {
        let Address { host, port, user, .. } = &self.address;
        let mut options = MqttOptions::new(self.client_id.clone(), host.clone(), *port);
        options
            .set_transport(self.transport.clone())
            .set_keep_alive(KEEP_ALIVE)
            .set_clean_session(false)
            .set_manual_acks(true)
            .set_max_packet_size(LARGEST_PACKET, LARGEST_PACKET);
        if let Some(user) = user {
            options.set_credentials(user.clone(), self.password.read()?);
        }
        Ok(options)
    }
}
