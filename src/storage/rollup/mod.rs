//! Roll-ups: hours read as intervals, summed by a pure function, and written as a few rows each.
//!
//! A pass moves the border of the settled hours, makes what was written behind it into due hours
//! ([`due`]), rolls those up, a day at a time and the newest first, and then the hours after the
//! border up to now. Each day is read and written in one transaction of one snapshot: a pass that
//! breaks off leaves no hour half done, and the next one goes on.

mod due;
mod names;
mod read;
mod write;

use super::{
    Storage, StorageError,
    connection::{Ms, session},
};
use crate::{
    clock::now_ms,
    model::{HOUR_MS, Rolled, RollupPast},
};
use names::Names;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_postgres::{Client, IsolationLevel};

/// Sums up hours.
pub type Roll = Arc<dyn Fn(&RollupPast) -> Rolled + Send + Sync>;

/// Whoever rolls up holds this advisory lock.
const LOCK: i64 = 0x5350_4f52_0601;
/// A pass must never keep the writer waiting for long: it gives up and comes again.
const OPTIONS: &str = "-c lock_timeout=3s -c jit=off";
const DAY_MS: i64 = 24 * HOUR_MS;
/// How long after a start the first pass comes.
const FIRST_AFTER: Duration = Duration::from_secs(3);

/// What a pass came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RolledUp {
    /// Settled hours that were rolled up, for the first time or anew.
    pub settled_hours: usize,
    /// True: somebody else was at it, and nothing was done.
    pub is_elsewhere: bool,
}

impl Storage {
    /// The body of a task that rolls up every `storage.rollup_seconds`, until it is dropped.
    pub fn roller(&self, roll: Roll) -> impl Future<Output = ()> + Send + 'static {
        let storage = self.clone();
        async move {
            let every = Duration::from_secs(u64::from(storage.inner.config.rollup_seconds.max(1)));
            let mut pause = FIRST_AFTER.min(every);
            let mut complaint = None;
            loop {
                tokio::time::sleep(pause).await;
                pause = every;
                match storage.roll_up(&roll).await {
                    Ok(_) => complaint = None,
                    Err(error) => {
                        let told = error.to_string();
                        if complaint.as_ref() != Some(&told) {
                            tracing::warn!(%error, "roll-ups come again in a while");
                        }
                        complaint = Some(told);
                    }
                }
            }
        }
    }

    /// Rolls up everything up to now.
    ///
    /// # Errors
    /// When the database is away, or busy for longer than a pass may wait for it.
    pub async fn roll_up(&self, roll: &Roll) -> Result<RolledUp, StorageError> {
        self.roll_up_to(roll, now_ms()).await
    }

    /// The same as if it were `now_ms`, which must not go back.
    ///
    /// # Errors
    /// The same.
    pub async fn roll_up_to(&self, roll: &Roll, now_ms: i64) -> Result<RolledUp, StorageError> {
        let mut client = session(&self.inner.postgres, "spor-rollup", OPTIONS).await?;
        let row = client.query_one("select pg_try_advisory_lock($1)", &[&LOCK]).await?;
        if !row.get::<_, bool>(0) {
            return Ok(RolledUp { is_elsewhere: true, ..RolledUp::default() });
        }
        let rolled_up = self.roll_up_alone(&mut client, roll, now_ms).await;
        client.execute("select pg_advisory_unlock($1)", &[&LOCK]).await?;
        rolled_up
    }

    async fn roll_up_alone(
        &self,
        client: &mut Client,
        roll: &Roll,
        now_ms: i64,
    ) -> Result<RolledUp, StorageError> {
        let begun = Instant::now();
        let kept_from_ms = now_ms - i64::from(self.inner.config.history_days) * DAY_MS;
        let Some(border_ms) = due::settle(client, now_ms, kept_from_ms).await? else {
            return Ok(RolledUp::default());
        };
        due::collect(client, kept_from_ms).await?;
        let mut rolled_up = RolledUp::default();
        while let Some(hours) = due::newest(client).await? {
            rolled_up.settled_hours += hours.count();
            metrics::gauge!("spor_rollup_due_hours").set(due::count(client).await?);
            roll_hours(client, roll, hours, now_ms).await?;
        }
        let present = Hours { from_ms: border_ms, to_ms: hour_after(now_ms), is_settled: false };
        roll_hours(client, roll, present, now_ms).await?;
        let sql = "update rollup_state set as_of = $1";
        client.execute(sql, &[&Ms(now_ms)]).await?;
        metrics::gauge!("spor_rollup_due_hours").set(0.0);
        #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^52")]
        metrics::gauge!("spor_rollup_as_of_seconds").set(now_ms as f64 / 1_000.0);
        metrics::histogram!("spor_rollup_seconds").record(begun.elapsed().as_secs_f64());
        Ok(rolled_up)
    }
}

/// Consecutive hours of one day, or those that run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hours {
    from_ms: i64,
    to_ms: i64,
    is_settled: bool,
}

impl Hours {
    fn count(self) -> usize {
        usize::try_from((self.to_ms - self.from_ms) / HOUR_MS).unwrap_or_default()
    }
}

async fn roll_hours(
    client: &mut Client,
    roll: &Roll,
    hours: Hours,
    now_ms: i64,
) -> Result<(), StorageError> {
    let begun = Instant::now();
    let transaction =
        client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().await?;
    let mut names = Names::default();
    let past = read::past(&transaction, hours, now_ms, &mut names).await?;
    let read = begun.elapsed();
    let roll = Arc::clone(roll);
    // Seconds of pure work must not keep a thread that serves sockets.
    let rolled = tokio::task::spawn_blocking(move || roll(&past))
        .await
        .map_err(|e| StorageError::Refused(e.to_string()))?;
    let summed = begun.elapsed();
    write::replace(&transaction, hours, now_ms, &rolled, &names).await?;
    transaction.commit().await?;
    tracing::debug!(
        hours = hours.count(),
        ?read,
        sum = ?summed - read,
        write = ?begun.elapsed() - summed,
        "hours are rolled up"
    );
    Ok(())
}

fn hour_of(ms: i64) -> i64 {
    ms - ms.rem_euclid(HOUR_MS)
}

fn hour_after(ms: i64) -> i64 {
    hour_of(ms) + HOUR_MS
}
