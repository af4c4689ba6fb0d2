//! Connections: the pool for queries, single sessions for the writer, and time in PostgreSQL's form.

use super::{StorageError, error::words, private::OLDEST};
use bytes::{BufMut, BytesMut};
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use std::time::Duration;
use tokio_postgres::{
    Client, NoTls,
    config::Host,
    types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked},
};

/// Connections for queries; what asks while all are busy waits for a second.
const POOL_SIZE: usize = 4;
/// After this long without an answer the database counts as away.
const AWAY: Duration = Duration::from_secs(1);
/// Longest time for one query, milliseconds.
const STATEMENT_MS: u32 = 10_000;

/// Milliseconds since the Unix epoch, stored as `timestamptz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ms(pub(crate) i64);

/// 2000-01-01, where PostgreSQL's microseconds begin, in milliseconds since the Unix epoch.
const POSTGRES_EPOCH_MS: i64 = 946_684_800_000;

impl Ms {
    /// Microseconds since 2000-01-01.
    pub(crate) fn to_postgres(self) -> i64 {
        self.0.saturating_sub(POSTGRES_EPOCH_MS).saturating_mul(1_000)
    }
}

impl ToSql for Ms {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.put_i64(self.to_postgres());
        Ok(IsNull::No)
    }
    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Ms {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let micros = i64::from_sql(&Type::INT8, raw).map_err(|e| format!("{ty}: {e}"))?;
        Ok(Self(micros.div_euclid(1_000).saturating_add(POSTGRES_EPOCH_MS)))
    }
    accepts!(TIMESTAMPTZ);
}

/// Reads `database.url`.
pub(crate) fn parse_url(url: &str) -> Result<tokio_postgres::Config, StorageError> {
    let mut config: tokio_postgres::Config =
        url.parse().map_err(|e: tokio_postgres::Error| StorageError::BadUrl(words(&e)))?;
    if config.get_hosts().is_empty() {
        return Err(StorageError::BadUrl("it names no host".to_owned()));
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(AWAY);
    }
    // A connection whose other end has vanished is noticed within half a minute.
    config.keepalives_idle(Duration::from_secs(10)).keepalives_interval(Duration::from_secs(5));
    config.keepalives_retries(3);
    Ok(config)
}

/// The address without its password.
pub(crate) fn public_url(config: &tokio_postgres::Config) -> String {
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first() {
        Some(Host::Tcp(host)) => format!("postgresql://{user}@{host}:{port}/{database}"),
        Some(Host::Unix(folder)) => {
            let port = if port == 5432 { String::new() } else { format!("&port={port}") };
            format!("postgresql://{user}@/{database}?host={}{port}", folder.display())
        }
        None => format!("postgresql://{user}@/{database}"),
    }
}

/// The pool for everything but the writer.
pub(crate) fn pool(config: &tokio_postgres::Config) -> Result<Pool, StorageError> {
    let mut config = with_options(config, &format!("-c statement_timeout={STATEMENT_MS}"));
    config.application_name("spor");
    let recycling_method = RecyclingMethod::Fast;
    let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method });
    Pool::builder(manager)
        .max_size(POOL_SIZE)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(AWAY))
        .create_timeout(Some(AWAY))
        .recycle_timeout(Some(AWAY))
        .build()
        .map_err(|e| StorageError::Away(e.to_string()))
}

fn with_options(config: &tokio_postgres::Config, options: &str) -> tokio_postgres::Config {
    let mut config = config.clone();
    let own = config.get_options().unwrap_or_default().to_owned();
    config.options(format!("{own} {options} -c timezone=UTC").trim().to_owned());
    config
}

/// A client of the pool, or that the database is away.
pub(crate) async fn client(pool: &Pool) -> Result<Object, StorageError> {
    Ok(pool.get().await?)
}

/// A session of its own, named `application`; its connection's task ends with the client.
pub(crate) async fn session(
    config: &tokio_postgres::Config,
    application: &str,
    options: &str,
) -> Result<Client, StorageError> {
    let mut config = with_options(config, options);
    config.application_name(application);
    let connecting = config.connect(NoTls);
    let (client, connection) = tokio::time::timeout(3 * AWAY, connecting)
        .await
        .map_err(|_| StorageError::Away("no answer to a connection".to_owned()))??;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = words(&error), "a database connection ended");
        }
    });
    Ok(client)
}

/// Refuses a server that is too old for Spor's SQL.
pub(crate) async fn check_version(client: &Client) -> Result<(), StorageError> {
    let row = client.query_one("select current_setting('server_version_num')::int4", &[]).await?;
    let found = row.get::<_, i32>(0).unsigned_abs() / 10_000;
    if found < OLDEST { Err(StorageError::TooOld { found }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_public_address_has_no_password() {
        let shown = |url: &str| public_url(&parse_url(url).unwrap());
        assert_eq!(
            shown("postgresql://spor:secret@db.example:5433/hospital"),
            "postgresql://spor@db.example:5433/hospital"
        );
        assert_eq!(
            shown("postgresql://spor:secret@/spor?host=/run/spor-1"),
            "postgresql://spor@/spor?host=/run/spor-1"
        );
        assert!(matches!(parse_url("mysql://x"), Err(StorageError::BadUrl(_))));
    }
}
