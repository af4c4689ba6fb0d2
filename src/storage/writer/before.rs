//! Rows of a time before the journal's first record, decided elsewhere: the cursor isn't concerned.
//! What the journal has decided since may be stored already, and stays as it is.

use super::{
    Inner, Past, Portion, context,
    ready::{Keys, Ready, items},
    session::{OPTIONS, Session},
    transaction::{hold_persons, write},
};
use crate::{
    model::{ById, DecidedBatch, TagId},
    storage::{
        Storage, StorageError,
        connection::{self, Ms},
    },
};
use std::sync::{Arc, RwLock};

/// Writes what was before.
pub struct BeforeWriter {
    inner: Arc<Inner>,
    session: Session,
    tags: Arc<RwLock<ById<TagId, i32>>>,
    past: Past,
}

impl Storage {
    /// A writer of what was before the journal began, beside the one of the journal. The assets have
    /// been there since `begin_ms`, which whoever rolls up an hour of then must know.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn before(&self, past: Past, begin_ms: i64) -> Result<BeforeWriter, StorageError> {
        let client = connection::session(&self.inner.postgres, "spor-before", OPTIONS).await?;
        let sql = "update asset set created_at = least(created_at, $1)";
        client.execute(sql, &[&Ms(begin_ms)]).await?;
        let session = Session { client, stored: 0 };
        Ok(BeforeWriter { inner: Arc::clone(&self.inner), session, tags: Arc::default(), past })
    }
}

impl BeforeWriter {
    /// Stores a batch, whose sequences are above 0 and rise from batch to batch.
    ///
    /// # Errors
    /// When the database is away, or refuses a row; nothing of the batch is stored then.
    pub async fn write(&mut self, batch: DecidedBatch) -> Result<(), StorageError> {
        let DecidedBatch { through, at_ms, site, items: all } = batch;
        let portion = Arc::new(Portion { through, at_ms, site, items: all });
        let zones = self.inner.zones_of(&portion.site).await?;
        self.session.learn_tags(items(&portion, 0), &self.tags).await?;
        let transaction = self.session.client.transaction().await?;
        hold_persons(&transaction).await?;
        let worn = self.inner.worn();
        let keys = Keys { tags: self.tags.clone(), zones: zones.clone(), worn };
        let Some(ready) = Ready::of(Arc::clone(&portion), 0, keys).await else {
            return Err(StorageError::Away("a tag got no key".to_owned()));
        };
        write(&transaction, &ready, &context(&zones, &self.past, &portion)).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Ends each visit and status where the next one begins, which nothing decided anew has done, and
    /// what lasts at `end_ms`, where the journal's time begins.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn end(self, end_ms: i64) -> Result<(), StorageError> {
        let client = self.session.client;
        let end = Ms(end_ms);
        for sql in [
            "update visit v set left_at = n.next_at
             from (select tag, entered_at,
                          lead(entered_at) over (partition by tag order by entered_at) as next_at
                   from visit where entered_at < $1) n
             where v.tag = n.tag and v.entered_at = n.entered_at
               and n.next_at < coalesce(v.left_at, 'infinity')",
            "update asset_status s set to_at = n.next_at
             from (select asset, from_at,
                          lead(from_at) over (partition by asset order by from_at) as next_at
                   from asset_status where from_at < $1) n
             where s.asset = n.asset and s.from_at = n.from_at
               and n.next_at < coalesce(s.to_at, 'infinity')",
            "update visit set left_at = $1 where left_at is null and entered_at < $1",
            "update asset_status set to_at = $1 where to_at is null and from_at < $1",
        ] {
            client.execute(sql, &[&end]).await?;
        }
        Ok(())
    }
}
