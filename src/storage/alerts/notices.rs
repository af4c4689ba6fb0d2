//! Notices of what becomes of alerts: told once, when they are due, and sent until they are taken.

use super::super::{Storage, StorageError, connection::Ms};
use crate::model::{Alert, AlertChange, AlertMessage, Notice};
use deadpool_postgres::Transaction;
use tokio_postgres::{Row, types::Json};

/// So many are told at a time.
const MOST_TOLD: i64 = 500;

/// Keeps the notice of a change at `at_ms`, which is told at `due_ms` at the earliest.
pub(super) async fn put(
    transaction: &Transaction<'_>,
    alert: &Alert,
    change: AlertChange,
    at_ms: i64,
    due_ms: i64,
) -> Result<(), StorageError> {
    let sql = "insert into alert_notice (alert, message, at, due_at) values ($1, $2, $3, $4)";
    let message = Json(alert.message(change, at_ms));
    transaction.execute(sql, &[&alert.id, &message, &Ms(at_ms), &Ms(due_ms)]).await?;
    Ok(())
}

/// What waits for the end of quiet hours is due at once.
pub(super) async fn hurry(
    transaction: &Transaction<'_>,
    alert: &str,
    now_ms: i64,
) -> Result<(), StorageError> {
    let sql =
        "update alert_notice set due_at = least(due_at, $2) where alert = $1 and told_at is null";
    transaction.execute(sql, &[&alert, &Ms(now_ms)]).await?;
    Ok(())
}

/// What began and ended in quiet hours is never told; true when that is so.
pub(super) async fn forget_untold(
    transaction: &Transaction<'_>,
    alert: &str,
    now_ms: i64,
) -> Result<bool, StorageError> {
    let sql = "delete from alert_notice n
         where n.alert = $1 and n.told_at is null
           and exists (select from alert_notice first where first.alert = $1 and first.told_at is null
                       and first.due_at > $2 and first.message ->> 'change' = 'opened')";
    Ok(transaction.execute(sql, &[&alert, &Ms(now_ms)]).await? > 0)
}

impl Storage {
    /// The notices that are to be told now, in their order: each is given once. `is_sent`: they are
    /// to be sent too.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn tell_notices(
        &self,
        now_ms: i64,
        is_sent: bool,
    ) -> Result<Vec<Notice>, StorageError> {
        let sql = "update alert_notice set told_at = $1, try_at = case when $2 then $1 end
             where seq in (
                 select n.seq from alert_notice n
                 where n.told_at is null and n.due_at <= $1
                   and not exists (select from alert_notice b where b.alert = n.alert and b.seq < n.seq
                                   and b.told_at is null and b.due_at > $1)
                 order by n.seq limit $3)
             returning seq, attempts, message";
        let rows = self.client().await?.query(sql, &[&Ms(now_ms), &is_sent, &MOST_TOLD]).await?;
        let mut notices: Vec<_> = rows.iter().map(notice_of).collect();
        notices.sort_by_key(|notice| notice.seq);
        Ok(notices)
    }

    /// The notices that are to be sent now, in their order; of one alert only the first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn notices_to_send(
        &self,
        now_ms: i64,
        limit: i64,
    ) -> Result<Vec<Notice>, StorageError> {
        let sql = "select n.seq, n.attempts, n.message from alert_notice n
             where n.try_at <= $1
               and not exists (select from alert_notice b where b.alert = n.alert and b.seq < n.seq
                               and b.try_at is not null)
             order by n.seq limit $2";
        let rows = self.client().await?.query(sql, &[&Ms(now_ms), &limit]).await?;
        Ok(rows.iter().map(notice_of).collect())
    }

    /// It was taken.
    ///
    /// # Errors
    /// When the database is away: then it is sent once more.
    pub async fn notice_taken(&self, seq: i64, now_ms: i64) -> Result<(), StorageError> {
        let sql = "update alert_notice set try_at = null, taken_at = $2, attempts = attempts + 1
                   where seq = $1";
        self.client().await?.execute(sql, &[&seq, &Ms(now_ms)]).await?;
        Ok(())
    }

    /// It was not taken, and is tried again.
    ///
    /// # Errors
    /// When the database is away: then it is tried at once.
    pub async fn notice_not_taken(&self, seq: i64, again_ms: i64) -> Result<(), StorageError> {
        let sql = "update alert_notice set try_at = $2, attempts = attempts + 1 where seq = $1";
        self.client().await?.execute(sql, &[&seq, &Ms(again_ms)]).await?;
        Ok(())
    }

    /// Sends no more what was told before `before_ms`, and the oldest beyond `most`; how many that are.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn give_up_notices(&self, before_ms: i64, most: i64) -> Result<u64, StorageError> {
        let sql = "update alert_notice set try_at = null
             where try_at is not null
               and (told_at < $1
                    or seq <= (select seq from alert_notice where try_at is not null
                               order by seq desc offset $2 limit 1))";
        Ok(self.client().await?.execute(sql, &[&Ms(before_ms), &most]).await?)
    }

    /// How many wait to be sent.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn notices_waiting(&self) -> Result<f64, StorageError> {
        let sql = "select count(*)::float8 from alert_notice where try_at is not null";
        Ok(self.client().await?.query_one(sql, &[]).await?.get(0))
    }
}

fn notice_of(row: &Row) -> Notice {
    Notice { seq: row.get(0), attempts: row.get(1), message: row.get::<_, Json<AlertMessage>>(2).0 }
}
