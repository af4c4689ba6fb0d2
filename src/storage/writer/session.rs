//! The writer's connection: the only one that stores decided rows, with the cursor as it found it.

use super::batch::tags;
use crate::{
    model::{ById, Decided, TagId},
    storage::{StorageError, connection},
};
use std::{
    collections::HashSet,
    sync::{PoisonError, RwLock},
};
use tokio_postgres::Client;

/// Only one writer holds this advisory lock.
const WRITER_LOCK: i64 = 0x5350_4f52_0004;
/// All its statements find rows by key; a plan for many rows would read whole partitions, and of a
/// table that was vacuumed while it was empty the whole table for each row.
pub(super) const OPTIONS: &str = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off \
     -c statement_timeout=60s -c idle_in_transaction_session_timeout=60s";

/// An open connection of the writer.
pub(super) struct Session {
    pub(super) client: Client,
    /// The journal's record up to which everything is stored, after the last commit.
    pub(super) stored: u64,
}

impl Session {
    /// Connects as the only writer. `application` is this writer's own name: a connection of that
    /// name is one that we lost, and is ended, so that it can't commit after we looked. The cursor
    /// must name `journal`.
    pub(super) async fn open(
        postgres: &tokio_postgres::Config,
        application: &str,
        journal: &str,
    ) -> Result<Self, StorageError> {
        let client = connection::session(postgres, application, OPTIONS).await?;
        client
            .execute(
                "select pg_terminate_backend(pid) from pg_stat_activity
                 where application_name = $1 and pid <> pg_backend_pid()",
                &[&application],
            )
            .await?;
        let row = client.query_one("select pg_try_advisory_lock($1)", &[&WRITER_LOCK]).await?;
        if !row.get::<_, bool>(0) {
            return Err(StorageError::Away("another Spor writes into this database".to_owned()));
        }
        let sql = "select sequence from journal_cursor where journal = $1::text::uuid";
        let Some(row) = client.query_opt(sql, &[&journal]).await? else {
            return Err(StorageError::Away("the database follows another journal now".to_owned()));
        };
        Ok(Self { client, stored: row.get::<_, i64>(0).cast_unsigned() })
    }

    /// True when the database answers at once.
    pub(super) async fn answers(&self) -> bool {
        let patience = std::time::Duration::from_secs(1);
        matches!(
            tokio::time::timeout(patience, self.client.simple_query("select 1")).await,
            Ok(Ok(_))
        )
    }

    /// Makes every tag of `items` known, in a transaction of its own: a tag is never unmade.
    pub(super) async fn learn_tags(
        &self,
        items: impl Iterator<Item = &Decided>,
        known: &RwLock<ById<TagId, i32>>,
    ) -> Result<(), tokio_postgres::Error> {
        let is_empty = known.read().unwrap_or_else(PoisonError::into_inner).is_empty();
        if is_empty {
            remember(known, &self.client.query("select id, name from tag", &[]).await?);
        }
        let new: HashSet<&str> = {
            let known = known.read().unwrap_or_else(PoisonError::into_inner);
            let new = tags(items).filter(|tag| !known.contains_key(*tag));
            new.map(TagId::as_str).collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        let new: Vec<&str> = new.into_iter().collect();
        self.client
            .execute(
                "insert into tag (name) select unnest($1::text[]) on conflict (name) do nothing",
                &[&new],
            )
            .await?;
        let rows =
            self.client.query("select id, name from tag where name = any($1)", &[&new]).await?;
        remember(known, &rows);
        Ok(())
    }
}

fn remember(known: &RwLock<ById<TagId, i32>>, rows: &[tokio_postgres::Row]) {
    let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
    known.extend(rows.iter().filter_map(|row| Some((TagId::new(row.get(1)).ok()?, row.get(0)))));
}
