//! Which journal the stored rows come of, and up to which of its records.

use super::{Storage, StorageError};
use std::sync::PoisonError;

impl Storage {
    /// Says that the rows to come are of that journal; gives back up to which of its records they
    /// are stored already. With `anew` another journal may follow the one before, and a cursor
    /// beyond `last`, the journal's newest record, is taken back to it.
    ///
    /// # Errors
    /// [`StorageError::OtherJournal`] when the rows are of another one; else when the database is away.
    pub async fn take_journal(
        &self,
        journal: [u8; 16],
        last: u64,
        anew: bool,
    ) -> Result<u64, StorageError> {
        let id: String = journal.iter().map(|byte| format!("{byte:02x}")).collect();
        let client = self.client().await?;
        let sql = "select replace(journal::text, '-', ''), sequence from journal_cursor";
        let row = client.query_one(sql, &[]).await?;
        let found: Option<String> = row.get(0);
        let stored = row.get::<_, i64>(1).cast_unsigned();
        let stored = match found {
            Some(found) if found == id => {
                if anew {
                    stored.min(last)
                } else {
                    stored
                }
            }
            Some(found) if !anew => return Err(StorageError::OtherJournal { found, here: id }),
            // Without a journal the number counted something else.
            Some(_) | None => 0,
        };
        let sql = "update journal_cursor set journal = $1::text::uuid, sequence = $2";
        client.execute(sql, &[&id, &stored.cast_signed()]).await?;
        *self.inner.journal.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
        Ok(stored)
    }
}
