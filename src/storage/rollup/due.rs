//! Which hours are to be rolled up: those that end, and those in which something is another.

use super::{DAY_MS, Hours, StorageError, hour_of};
use crate::{model::HOUR_MS, storage::connection::Ms};
use tokio_postgres::Client;

/// An hour is settled so long after its end, milliseconds: by then nearly all of it is stored.
const SETTLED_AFTER_MS: i64 = 15 * 60_000;
/// Held alone while the border moves; the triggers of `0006_rollup.sql` hold it shared.
const BORDER_LOCK: i64 = 0x5350_4f52_0602;

/// What was written into settled hours, and what follows from it: a turnaround counts where it ends,
/// a transfer where the next stay begins, and idle time adds up until the next use.
const COLLECT: &str = "
    with touched as (delete from rollup_touched returning *),
    reached as (
        select t.from_at,
               greatest(
                   t.to_at,
                   (select min(s.from_at) from asset_status s
                    where s.asset = t.asset and s.from_at >= t.to_at
                      and s.status not in ('dirty', 'cleaning')),
                   (select v.entered_at from visit v join zone z on z.key = v.zone
                    where v.tag = t.tag and v.entered_at >= t.to_at and z.ward is not null
                      and coalesce(v.left_at, now()) - v.entered_at >= interval '10 minutes'
                    order by v.entered_at limit 1),
                   case when u.next_use - u.last_use > interval '1 day' then u.next_use end) as to_at
        from touched t
        left join lateral (
            select coalesce((select min(s.from_at) from asset_status s
                             where s.asset = t.asset and s.from_at >= t.to_at and s.status = 'in_use'),
                            now()) as next_use,
                   coalesce((select max(coalesce(s.to_at, now())) from asset_status s
                             where s.asset = t.asset and s.from_at < t.from_at and s.status = 'in_use'),
                            '2000-01-01') as last_use
            where t.asset is not null) u on true)
    insert into rollup_due (hour)
    select distinct h
    from reached r
    cross join (select settled from rollup_state) b
    cross join lateral generate_series(
        date_trunc('hour', greatest(r.from_at, $1)),
        least(r.to_at, b.settled - interval '1 microsecond'),
        interval '1 hour') h
    on conflict do nothing";

/// Moves the border of the settled hours; gives it back. None: there is nothing to roll up.
pub(super) async fn settle(
    client: &mut Client,
    now_ms: i64,
    kept_from_ms: i64,
) -> Result<Option<i64>, StorageError> {
    let border = hour_of(now_ms - SETTLED_AFTER_MS);
    let known = settled(client).await?;
    if known.is_some_and(|known| known >= border) {
        return Ok(known);
    }
    let transaction = client.transaction().await?;
    transaction.execute("select pg_advisory_xact_lock($1)", &[&BORDER_LOCK]).await?;
    let from = match known {
        Some(known) => known,
        None => {
            let sql = "select least((select min(created_at) from asset),
                                    (select min(from_at) from asset_status))";
            let row = transaction.query_one(sql, &[]).await?;
            let Some(first) = row.get::<_, Option<Ms>>(0) else { return Ok(None) };
            hour_of(first.0.max(kept_from_ms))
        }
    };
    let sql = "insert into rollup_due (hour)
               select generate_series($1::timestamptz, $2::timestamptz - interval '1 hour', interval '1 hour')
               on conflict do nothing";
    transaction.execute(sql, &[&Ms(from), &Ms(border)]).await?;
    transaction.execute("update rollup_state set settled = $1", &[&Ms(border)]).await?;
    transaction.commit().await?;
    Ok(Some(border))
}

async fn settled(client: &Client) -> Result<Option<i64>, StorageError> {
    let row = client.query_one("select settled from rollup_state", &[]).await?;
    Ok(row.get::<_, Option<Ms>>(0).map(|at| at.0))
}

/// Makes what was written into settled hours into due hours. What lies before `kept_from_ms` stays
/// as it was rolled up: its intervals are deleted by and by.
pub(super) async fn collect(client: &Client, kept_from_ms: i64) -> Result<(), StorageError> {
    // The first day of what is kept may be half deleted already.
    client.execute(COLLECT, &[&Ms(kept_from_ms + DAY_MS)]).await?;
    Ok(())
}

/// The due hours of the newest day that has any.
pub(super) async fn newest(client: &Client) -> Result<Option<Hours>, StorageError> {
    let sql = "select min(hour), max(hour) from rollup_due
               where hour >= (select date_trunc('day', max(hour)) from rollup_due)";
    let row = client.query_one(sql, &[]).await?;
    let hours = row.get::<_, Option<Ms>>(0).zip(row.get::<_, Option<Ms>>(1));
    Ok(hours.map(|(first, last)| Hours {
        from_ms: first.0,
        to_ms: last.0 + HOUR_MS,
        is_settled: true,
    }))
}

/// How many hours are due.
#[expect(clippy::cast_precision_loss, reason = "a count of hours")]
pub(super) async fn count(client: &Client) -> Result<f64, StorageError> {
    let row = client.query_one("select count(*) from rollup_due", &[]).await?;
    Ok(row.get::<_, i64>(0) as f64)
}
