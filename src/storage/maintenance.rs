//! What must be done every hour: partitions made ahead, and what is older than its retention dropped.

use super::{Config, PositionKeeper, StorageError, connection::Ms};
use tokio_postgres::Client;

/// Partitions exist from two days ago, since late fixes are taken for 48 hours, to a week from now.
const DAYS: std::ops::RangeInclusive<i64> = -2..=7;
const DAY_MS: i64 = 86_400_000;
/// Whoever maintains holds this advisory lock.
const LOCK: i64 = 0x5350_4f52_0002;
/// A partition must never keep the writer waiting: give up and come again.
const LOCK_TIMEOUT: &str = "set lock_timeout = '3s'";

/// Makes and drops what is due at `now_ms`, and measures the oldest rows.
pub(crate) async fn maintain(
    client: &mut Client,
    config: &Config,
    keeper: PositionKeeper,
    now_ms: i64,
) -> Result<(), StorageError> {
    client.batch_execute(LOCK_TIMEOUT).await?;
    let row = client.query_one("select pg_try_advisory_lock($1)", &[&LOCK]).await?;
    if !row.get::<_, bool>(0) {
        return Ok(());
    }
    let result = run(client, config, keeper, now_ms).await;
    client.execute("select pg_advisory_unlock($1)", &[&LOCK]).await?;
    result
}

async fn run(
    client: &mut Client,
    config: &Config,
    keeper: PositionKeeper,
    now_ms: i64,
) -> Result<(), StorageError> {
    let keep_from = Ms(now_ms - i64::from(config.position_days) * DAY_MS);
    match keeper {
        PositionKeeper::Partitions => {
            make_ahead(client, now_ms).await?;
            drop_old_partitions(client, keep_from).await?;
        }
        PositionKeeper::Timescale => {
            client
                .execute(
                    "select drop_chunks('position', older_than => $1::timestamptz)",
                    &[&keep_from],
                )
                .await?;
        }
    }
    let history_from = Ms(now_ms - i64::from(config.history_days) * DAY_MS);
    for sql in [
        "delete from visit where left_at < $1",
        "delete from asset_status where from_at < $1 and to_at < $1",
        "delete from status_beneath where from_at < $1",
        "delete from by_hand where until_at < $1",
        "delete from event where \"time\" < $1",
        "delete from presence where quarter < $1",
        "delete from person_lookup where at < $1",
        "delete from alert where ended_at < $1",
        "delete from tag_battery where day < $1",
        // The last word before then tells what a reader did from then on.
        "delete from reader_change c using reader_change n
         where n.reader = c.reader and n.changed_at > c.changed_at and n.changed_at <= $1",
    ] {
        client.execute(sql, &[&history_from]).await?;
    }
    measure_oldest(client, now_ms).await
}

async fn make_ahead(client: &mut Client, now_ms: i64) -> Result<(), StorageError> {
    let existing = partitions(client).await?;
    let today = now_ms.div_euclid(DAY_MS);
    for day in DAYS.map(|offset| today + offset) {
        let name = partition_name(day);
        if !existing.contains(&name) {
            make_partition(client, &name, day).await?;
        }
    }
    Ok(())
}

/// Rows of that day that the default partition took meanwhile move into the new one.
async fn make_partition(client: &mut Client, name: &str, day: i64) -> Result<(), StorageError> {
    let (from, to) = (midnight(day), midnight(day + 1));
    let sql = format!(
        "create table {name} (like position including defaults including indexes);
         with moved as (delete from position_default where \"time\" >= '{from}' and \"time\" < '{to}' returning *)
             insert into {name} select * from moved;
         alter table position attach partition {name} for values from ('{from}') to ('{to}')"
    );
    let transaction = client.transaction().await?;
    transaction.batch_execute(&sql).await?;
    transaction.commit().await?;
    Ok(())
}

async fn drop_old_partitions(client: &Client, keep_from: Ms) -> Result<(), StorageError> {
    let oldest_kept = partition_name(keep_from.0.div_euclid(DAY_MS));
    for name in partitions(client).await? {
        // Names of equal length sort as their days do.
        if name.len() == oldest_kept.len() && name < oldest_kept {
            client.batch_execute(&format!("drop table {name}")).await?;
            tracing::info!(partition = name, "positions past their retention were dropped");
        }
    }
    client.execute("delete from position_default where \"time\" < $1", &[&keep_from]).await?;
    Ok(())
}

/// The daily partitions, oldest first.
async fn partitions(client: &Client) -> Result<Vec<String>, StorageError> {
    let rows = client
        .query(
            "select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
             where i.inhparent = 'position'::regclass and c.relname like 'position\\_d2%' order by 1",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn partition_name(day: i64) -> String {
    format!("position_d{}", date(day).strftime("%Y%m%d"))
}

fn midnight(day: i64) -> String {
    date(day).strftime("%Y-%m-%d 00:00:00+00").to_string()
}

fn date(day: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(day.saturating_mul(DAY_MS / 1_000)).unwrap_or_default()
}

async fn measure_oldest(client: &Client, now_ms: i64) -> Result<(), StorageError> {
    for (table, sql) in [
        ("visit", "select min(left_at) from visit"),
        ("asset_status", "select min(from_at) from asset_status"),
        ("by_hand", "select min(until_at) from by_hand"),
        ("event", "select min(\"time\") from event"),
        ("presence", "select min(quarter) from presence"),
        ("person_lookup", "select min(at) from person_lookup"),
        ("alert", "select min(ended_at) from alert"),
        ("tag_battery", "select min(day) from tag_battery"),
    ] {
        let row = client.query_one(sql, &[]).await?;
        set_oldest(table, row.get(0), now_ms);
    }
    set_oldest("position", oldest_position(client).await?, now_ms);
    Ok(())
}

/// The oldest part that holds anything is the only one that must be read.
async fn oldest_position(client: &Client) -> Result<Option<Ms>, StorageError> {
    for part in partitions(client).await? {
        let row = client.query_one(&format!("select min(\"time\") from {part}"), &[]).await?;
        if let Some(oldest) = row.get(0) {
            return Ok(Some(oldest));
        }
    }
    // A hypertable has an ordered path to it, and a default partition is small.
    Ok(client.query_one("select min(\"time\") from position", &[]).await?.get(0))
}

fn set_oldest(table: &'static str, oldest: Option<Ms>, now_ms: i64) {
    #[expect(clippy::cast_precision_loss, reason = "an age in seconds is far below 2^52")]
    let age_s = oldest.map_or(0.0, |oldest| (now_ms - oldest.0) as f64 / 1_000.0);
    metrics::gauge!("spor_oldest_kept_seconds", "table" => table).set(age_s);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_named_after_its_day() {
        assert_eq!(partition_name(0), "position_d19700101");
        assert_eq!(midnight(20_089), "2025-01-01 00:00:00+00");
    }
}
