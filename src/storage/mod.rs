//! What Spor remembers, in Postgres: a private server or the one that `database.url` names.
//!
//! In come decided rows, which the writer stores exactly once, and changes of the registry; out go
//! what a start restores and what the API asks. While Postgres is away every call says so quickly,
//! and the writer keeps what it has.

mod alerts;
mod backup;
mod connection;
mod cursor;
mod error;
mod figures;
mod history;
mod lately;
mod maintenance;
mod migrate;
mod par;
mod people;
mod private;
mod registry;
mod replayed;
mod restore;
mod rollup;
mod site;
mod writer;

#[cfg(test)]
mod tests;

/// PostgreSQL's binary COPY form of positions, open so that it can be measured alone.
pub mod copy_form {
    pub use super::writer::{Position, encode, position};
}

pub use alerts::{AlertFilter, AlertLimits};
pub use backup::{backup, restore_backup};
pub use error::StorageError;
pub use history::{EventFilter, HistoryRow, StatusInterval, StoredEvent};
pub use migrate::{PositionKeeper, known_version};
pub use people::{Lookup, PresenceGroup};
pub use registry::Binding;
pub use replayed::Contents;
pub use rollup::{Roll, RolledUp};
pub use writer::{BeforeWriter, Past, Recomputed, Recomputing, Writing};

use crate::{
    clock::now_ms,
    model::{ById, TagId, ZoneId},
};
use deadpool_postgres::{Object, Pool};
use private::PrivateServer;
use serde::Deserialize;
use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock, atomic::AtomicI64},
    time::Duration,
};
use tokio::sync::watch;

/// Which database, what is stored, and for how long.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `database.url`; none: a private server.
    #[serde(skip)]
    pub url: Option<String>,
    /// A loopback TCP port of the private server, 0 for any; none: only its socket.
    #[serde(skip)]
    pub tcp_port: Option<u16>,
    /// True: a tag that hasn't moved extends its row rather than adding one.
    pub on_change: bool,
    /// Days that positions are kept.
    pub position_days: u32,
    /// Days that visits, statuses, events, alerts, presence and look-ups of people are kept.
    pub history_days: u32,
    /// Seconds between two passes of the roll-ups.
    pub rollup_seconds: u32,
    /// Seconds between two looks at what assets did lately; more where a look takes long.
    pub lately_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: None,
            tcp_port: None,
            on_change: true,
            position_days: 30,
            history_days: 400,
            rollup_seconds: 60,
            lately_seconds: 300,
        }
    }
}

/// The way to the database; cheap to clone, usable while Postgres is away.
#[derive(Clone)]
pub struct Storage {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    postgres: tokio_postgres::Config,
    pool: Pool,
    private: Option<PrivateServer>,
    keeper: PositionKeeper,
    /// The keys of rooms and zones by version of the site file, of the versions that were needed.
    zones: RwLock<HashMap<String, Arc<ById<ZoneId, i32>>>>,
    /// The journal that the stored rows come of.
    journal: Mutex<Option<String>>,
    /// Tags that persons wear: nothing of them is written, whatever still waits in a queue.
    worn: RwLock<Arc<HashSet<TagId>>>,
    /// Held by whoever changes bindings, or reads them all.
    binding: tokio::sync::Mutex<()>,
    /// That of the registry when it was read last.
    registry_version: AtomicI64,
    up: watch::Sender<bool>,
    /// What the writer was told last while the database is away.
    why_down: Mutex<Option<String>>,
}

impl Storage {
    /// Starts or adopts the private server, or goes to `config.url`; brings the schema up to date.
    /// `progress` hears in plain words what takes a while.
    ///
    /// # Errors
    /// One [`StorageError`] for each thing that can be wrong, with what to do about it.
    pub async fn open(
        config: &Config,
        data_dir: &Path,
        progress: impl Fn(&str) + Sync,
    ) -> Result<Self, StorageError> {
        let private = match &config.url {
            Some(_) => None,
            None => Some(PrivateServer::start(data_dir, config.tcp_port, &progress).await?),
        };
        Self::open_on(private, config, progress).await
    }

    /// The same for a command beside a Spor that may be running: a private server that runs is taken as
    /// it is, and runs on.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn join(
        config: &Config,
        data_dir: &Path,
        progress: impl Fn(&str) + Sync,
    ) -> Result<Self, StorageError> {
        let private = match &config.url {
            Some(_) => None,
            None => Some(PrivateServer::join(data_dir, &progress).await?),
        };
        Self::open_on(private, config, progress).await
    }

    async fn open_on(
        private: Option<PrivateServer>,
        config: &Config,
        progress: impl Fn(&str) + Sync,
    ) -> Result<Self, StorageError> {
        let postgres = match (&private, &config.url) {
            (Some(server), _) => server.config.clone(),
            (None, url) => connection::parse_url(url.as_deref().unwrap_or_default())?,
        };
        match prepare(config, &postgres, &progress).await {
            Ok((keeper, pool)) => {
                let inner = Inner {
                    config: config.clone(),
                    postgres,
                    pool,
                    private,
                    keeper,
                    zones: RwLock::default(),
                    journal: Mutex::default(),
                    worn: RwLock::default(),
                    binding: tokio::sync::Mutex::default(),
                    registry_version: AtomicI64::default(),
                    up: watch::Sender::new(true),
                    why_down: Mutex::default(),
                };
                let storage = Self { inner: Arc::new(inner) };
                storage.registry().await?;
                Ok(storage)
            }
            Err(error) => {
                if let Some(server) = private {
                    server.stop().await;
                }
                Err(error)
            }
        }
    }

    /// True while the writer reaches the database; it looks at least once a second.
    #[must_use]
    pub fn up(&self) -> watch::Receiver<bool> {
        self.inner.up.subscribe()
    }

    /// Why nothing is stored at present, in words; none while all is well.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        if *self.inner.up.borrow() {
            return None;
        }
        let why = self.inner.why_down.lock().unwrap_or_else(PoisonError::into_inner);
        let why = why.as_deref().unwrap_or("it is slow");
        Some(format!("PostgreSQL does not store: {why}; what is decided waits on disk"))
    }

    /// The database's address without its password, as `endpoints.json` tells it.
    #[must_use]
    pub fn public_url(&self) -> String {
        connection::public_url(&self.inner.postgres)
    }

    /// The private server's port on loopback, when it was asked for.
    #[must_use]
    pub fn tcp_port(&self) -> Option<u16> {
        self.inner.private.as_ref()?.tcp_port
    }

    /// Lets Grafana's read-only role log in with this password.
    ///
    /// # Errors
    /// When the database is away, or the role isn't ours to change.
    pub async fn admit_grafana(&self, password: &str) -> Result<(), StorageError> {
        let client = self.client().await?;
        // ALTER ROLE takes no parameters: the server itself quotes the literal.
        let sql = "select format('alter role spor_grafana login password %L', $1::text)";
        let statement: String = client.query_one(sql, &[&password]).await?.get(0);
        Ok(client.batch_execute(&statement).await?)
    }

    /// How the table `position` is kept.
    #[must_use]
    pub fn position_keeper(&self) -> PositionKeeper {
        self.inner.keeper
    }

    /// The body of a task that runs until it is dropped: starts a private server that died anew, and
    /// makes and drops partitions every hour.
    pub fn keeper(&self) -> impl Future<Output = ()> + Send + 'static {
        let inner = Arc::clone(&self.inner);
        async move {
            let mut maintain_at = tokio::time::Instant::now() + HOUR;
            loop {
                tokio::time::sleep(WATCH).await;
                if let Some(server) = &inner.private {
                    match server.revive().await {
                        Ok(true) => tracing::warn!("PostgreSQL had died and was started again"),
                        Ok(false) => {}
                        Err(error) => {
                            tracing::error!(%error, "PostgreSQL died and can't be started");
                            tokio::time::sleep(10 * WATCH).await;
                        }
                    }
                }
                if tokio::time::Instant::now() >= maintain_at {
                    let done = maintain(&inner).await;
                    maintain_at = tokio::time::Instant::now() + if done { HOUR } else { HOUR / 60 };
                }
            }
        }
    }

    /// Closes the connections and stops the private server.
    pub async fn stop(self) {
        self.inner.pool.close();
        if let Some(server) = &self.inner.private {
            server.stop().await;
        }
    }

    /// A client of the pool, within a second or not at all.
    async fn client(&self) -> Result<Object, StorageError> {
        connection::client(&self.inner.pool).await
    }
}

const HOUR: Duration = Duration::from_secs(3600);
/// How often the private server is looked at.
const WATCH: Duration = Duration::from_secs(1);

async fn prepare(
    config: &Config,
    postgres: &tokio_postgres::Config,
    progress: &(impl Fn(&str) + Sync),
) -> Result<(PositionKeeper, Pool), StorageError> {
    let mut client = connection::session(postgres, "spor-migrate", "").await?;
    connection::check_version(&client).await?;
    let keeper = migrate::migrate(&mut client, progress).await?;
    maintenance::maintain(&mut client, config, keeper, now_ms()).await?;
    Ok((keeper, connection::pool(postgres)?))
}

async fn maintain(inner: &Inner) -> bool {
    let result = async {
        let mut client = connection::session(&inner.postgres, "spor-maintain", "").await?;
        maintenance::maintain(&mut client, &inner.config, inner.keeper, now_ms()).await
    };
    match result.await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "the hourly maintenance comes again in a minute");
            false
        }
    }
}
