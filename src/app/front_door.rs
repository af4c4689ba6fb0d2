//! Where messages come in: Spor's own listener, or an outside broker that `mqtt.url` names.

use crate::{
    auth::credentials::Credentials,
    broker::{Broker, BrokerError, Config, Door, Outside, Publisher, Verify},
};
use anyhow::Context as _;
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The variable that holds the outside broker's password, unless a file does.
const PASSWORD: &str = "MQTT_SPOR_PASSWORD";

pub(super) enum FrontDoor {
    Listener(Box<Broker>),
    Outside(Box<Outside>),
}

impl FrontDoor {
    /// Binds the listener's address, or prepares the client.
    pub(super) async fn prepare(
        config: &Config,
        verify: Option<Verify>,
        data_dir: &Path,
    ) -> anyhow::Result<Self> {
        let Some(url) = &config.url else {
            return Ok(Self::Listener(Box::new(Broker::bind(config.clone(), verify).await?)));
        };
        let client_id = match &config.url_client_id {
            Some(id) => id.clone(),
            None => kept_client_id(data_dir)?,
        };
        let password = std::env::var(PASSWORD).ok();
        Ok(Self::Outside(Box::new(Outside::new(config.clone(), url, client_id, password)?)))
    }

    /// Looks at the settings; nothing is bound and nobody is called.
    pub(super) fn check(config: &Config) -> Result<(), BrokerError> {
        let Some(url) = &config.url else {
            return Broker::check(config, config.credentials.is_some());
        };
        let password = std::env::var(PASSWORD).ok();
        Outside::new(config.clone(), url, String::new(), password).map(drop)
    }

    /// Where devices publish: an address, or the outside broker's URL.
    pub(super) fn endpoint(&self) -> String {
        match self {
            Self::Listener(broker) => broker.local_addr().to_string(),
            Self::Outside(outside) => outside.url(),
        }
    }

    /// The address that was bound, if one was.
    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Listener(broker) => Some(broker.local_addr()),
            Self::Outside(_) => None,
        }
    }

    /// The address of the listener for TLS, if one was bound.
    pub(super) fn tls_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Listener(broker) => broker.tls_addr(),
            Self::Outside(_) => None,
        }
    }

    /// True when anyone on this machine may publish.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Listener(broker) if broker.is_open())
    }

    pub(super) fn publisher(&self) -> Publisher {
        match self {
            Self::Listener(broker) => broker.publisher(),
            Self::Outside(outside) => outside.publisher(),
        }
    }

    /// What is wrong with the way in, for people.
    pub(super) fn trouble(&self) -> watch::Receiver<Option<String>> {
        match self {
            Self::Listener(_) => watch::channel(None).1,
            Self::Outside(outside) => outside.trouble(),
        }
    }

    /// Serves until `stop`; each connection is a task of `tracker`.
    pub(super) async fn run(self, door: Door, tracker: TaskTracker, stop: CancellationToken) {
        match self {
            Self::Listener(broker) => broker.run(door, tracker, stop).await,
            Self::Outside(outside) => outside.run(door, stop).await,
        }
    }
}

/// The session's name at an outside broker: made once, so that a restart finds its messages.
fn kept_client_id(data_dir: &Path) -> anyhow::Result<String> {
    let path = data_dir.join("mqtt-client-id");
    if let Ok(kept) = fs::read_to_string(&path)
        && !kept.trim().is_empty()
    {
        return Ok(kept.trim().to_owned());
    }
    // 23 characters are the most that every MQTT 3.1.1 broker must take.
    let made = format!("spor-{:016x}", rand::random::<u64>());
    fs::write(&path, &made).with_context(|| format!("{} can't be written", path.display()))?;
    Ok(made)
}

/// True when the user's settings are wrong, rather than the machine.
pub(super) fn is_misuse(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(BrokerError::is_configuration)
}

/// Reads the credentials again whenever the file has changed.
pub(super) fn credentials(config: &Config) -> anyhow::Result<Option<Verify>> {
    let Some(path) = config.credentials.clone() else { return Ok(None) };
    let loaded = Credentials::load(&path)?;
    let modified = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
    let current = Mutex::new((modified(&path), Arc::new(loaded)));
    let current = Arc::new(move || {
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = modified(&path);
        if now != current.0 {
            // What is wrong with it is said once, not at every connection.
            current.0 = now;
            match Credentials::load(&path) {
                Ok(loaded) => current.1 = Arc::new(loaded),
                Err(error) => tracing::error!(%error, "credentials not reloaded"),
            }
        }
        current.1.clone()
    });
    let (again, certified) = (current.clone(), current.clone());
    Ok(Some(Verify {
        remembered: Arc::new(move |name, password| again().remembered(name, password)),
        password: Arc::new(move |name, password| current().verify(name, password)),
        certificate: Arc::new(move |name| certified().certified(name)),
    }))
}

/// Says what asks nobody for a password.
pub(super) fn say_what_is_open(broker: &FrontDoor, http_is_open: bool) {
    if broker.is_open() {
        tracing::warn!(
            "MQTT is open to everybody on this machine: set mqtt.credentials to ask for passwords"
        );
    }
    if http_is_open {
        tracing::warn!(
            "HTTP is open to everybody on this machine; where people are still asks for a token"
        );
    }
}
