//! What assets did lately, from which follows when one is expected to be free: read now and then, so
//! that no question has to wait for the database.

use super::{Storage, StorageError, connection::Ms};
use crate::model::{ClassId, Status, StatusLine, StatusPast};
use futures_util::TryStreamExt;
use std::time::{Duration, Instant};
use tokio_postgres::types::ToSql;

/// How far back is looked, milliseconds.
const LATELY_MS: i64 = 14 * 24 * 3_600_000;
/// So many assets of a class, picked by a hash of their ids, stand for all.
const SAMPLE: i64 = 200;
/// Looking takes at most this part of the time.
const SHARE: u32 = 20;
/// How long after a look that found nothing the next one comes.
const SOON: Duration = Duration::from_secs(30);

const LINES: &str = "
    select a.id, a.class, s.status, s.from_at, s.to_at
    from (select id, class, row_number() over (partition by class order by md5(id)) as place
          from asset where retired_at is null) a
    cross join lateral (
        select status, from_at, to_at from asset_status
        where asset = a.id and from_at >= $1) s
    where a.place <= $2
    order by a.id, s.from_at";

impl Storage {
    /// The body of a task that hands what assets did lately to `learn`, with the time of `clock`, every
    /// `storage.lately_seconds`, until it is dropped.
    pub fn looking_back(
        &self,
        clock: impl Fn() -> i64 + Send + 'static,
        learn: impl Fn(&[StatusLine], i64) + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let storage = self.clone();
        async move {
            let every = Duration::from_secs(u64::from(storage.inner.config.lately_seconds.max(1)));
            let mut complaint = None;
            loop {
                let (begun, now_ms) = (Instant::now(), clock());
                let looked = storage.lately(now_ms).await;
                let pause = every.max(begun.elapsed() * SHARE);
                let pause = match looked {
                    Ok(lines) => {
                        complaint = None;
                        learn(&lines, now_ms);
                        if lines.is_empty() { pause.min(SOON) } else { pause }
                    }
                    Err(error) => {
                        let told = error.to_string();
                        if complaint.as_ref() != Some(&told) {
                            tracing::warn!(%error, "what is expected stays as it was for a while");
                        }
                        complaint = Some(told);
                        pause
                    }
                };
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// What some assets of each class did in the two weeks before `now_ms`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lately(&self, now_ms: i64) -> Result<Vec<StatusLine>, StorageError> {
        let client = self.client().await?;
        let parameters: [&(dyn ToSql + Sync); 2] = [&Ms(now_ms - LATELY_MS), &SAMPLE];
        let rows = client.query_raw(LINES, parameters).await?;
        let mut rows = std::pin::pin!(rows);
        let mut lines: Vec<StatusLine> = Vec::new();
        let mut asset = String::new();
        while let Some(row) = rows.try_next().await? {
            let (of, class): (&str, &str) = (row.get(0), row.get(1));
            if of != asset {
                let Ok(class) = class.parse::<ClassId>() else { continue };
                of.clone_into(&mut asset);
                lines.push(StatusLine { class, statuses: Vec::new() });
            }
            // A status that this version doesn't know is nothing that it knows.
            let status = Status::parse(row.get(2)).unwrap_or(Status::Unknown);
            let to_ms = row.get::<_, Option<Ms>>(4).map(|at| at.0);
            if let Some(line) = lines.last_mut() {
                let from_ms = row.get::<_, Ms>(3).0;
                line.statuses.push(StatusPast { status, from_ms, to_ms });
            }
        }
        Ok(lines)
    }
}
