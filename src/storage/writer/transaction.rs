//! One batch into the tables, in one transaction with the cursor.
//!
//! Every statement tolerates a repeat of what is already there, except COPY, which the cursor guards.

use super::{
    batch::{Batch, Position},
    by_hand,
    copy::COPY_POSITION,
    past::{self, Past},
    ready::Ready,
    visits,
};
use crate::{
    model::{AssetId, ById, EventMessage, PresentChange, ZoneId},
    storage::connection::Ms,
};
use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::{Error, Transaction, types::Json};

/// Held shared by each batch and alone by whoever binds a tag to a person: what was in flight is
/// committed before its rows are deleted, and what comes after knows of it. Alone too by whoever
/// decides statuses anew: no batch changes a line between its being read and written.
pub(crate) const PERSON_LOCK: i64 = 0x5350_4f52_0003;

/// What the batch is written with.
pub(super) struct Context<'a> {
    pub(super) zones: &'a ById<ZoneId, i32>,
    /// What decides a stretch anew.
    pub(super) past: &'a Past,
    /// The version of the site file.
    pub(super) site: &'a str,
    /// The time of receipt up to which everything is stored with this batch, milliseconds.
    pub(super) at_ms: i64,
}

/// What a batch came to.
#[derive(Default)]
pub(super) struct Written {
    pub(super) positions: usize,
    pub(super) received_ms: Vec<i64>,
    pub(super) without_zone: u64,
    /// What a late fix amended that reaches into the present.
    pub(super) present: Vec<PresentChange>,
}

/// Moves the cursor; false when it isn't where this writer left it: nothing may be committed then.
pub(super) async fn move_cursor(
    transaction: &Transaction<'_>,
    from: u64,
    to: u64,
) -> Result<bool, Error> {
    let sql = "update journal_cursor set sequence = $2, at = now() where sequence = $1";
    let moved = transaction.execute(sql, &[&from.cast_signed(), &to.cast_signed()]).await?;
    Ok(moved == 1)
}

/// From here to the end of the transaction no tag is put on a person.
pub(super) async fn hold_persons(transaction: &Transaction<'_>) -> Result<(), Error> {
    transaction.execute("select pg_advisory_xact_lock_shared($1)", &[&PERSON_LOCK]).await?;
    Ok(())
}

/// Writes what is ready; the caller holds persons, and commits.
pub(super) async fn write(
    transaction: &Transaction<'_>,
    ready: &Ready,
    context: &Context<'_>,
) -> Result<Written, Error> {
    let batch = &ready.batch;
    forget(transaction, &batch.forgotten).await?;
    copy_positions(transaction, &ready.copy).await?;
    extend(transaction, batch).await?;
    cut(transaction, batch).await?;
    let late: Vec<&Position> = batch.late.values().collect();
    let late = insert_late(transaction, &late).await?;
    visits::write(transaction, batch).await?;
    statuses(transaction, batch).await?;
    by_hand::write(transaction, batch).await?;
    // Before the past is amended, which may follow from a button that was pressed.
    events(transaction, batch).await?;
    let amended = past::amend(transaction, &batch.asks, context).await?;
    presence(transaction, batch).await?;
    reports(transaction, batch).await?;
    readers(transaction, batch).await?;
    let mut received_ms: Vec<i64> = batch.positions.iter().map(|row| row.received_ms).collect();
    received_ms.sort_unstable();
    Ok(Written {
        positions: batch.positions.len() + late + amended.positions,
        received_ms,
        without_zone: batch.without_zone + amended.without_zone,
        present: amended.present,
    })
}

/// Deletes what is stored of tags that persons wear.
pub(crate) async fn forget(transaction: &Transaction<'_>, tags: &[i32]) -> Result<(), Error> {
    if tags.is_empty() {
        return Ok(());
    }
    unpack_freely(transaction).await?;
    for sql in [
        "delete from position where tag = any($1)",
        "delete from visit where tag = any($1)",
        "delete from event where tag = any($1)",
        "delete from fence_now where tag = any($1)",
    ] {
        transaction.execute(sql, &[&tags]).await?;
    }
    Ok(())
}

/// TimescaleDB would refuse to unpack more than 100,000 rows; without it this is an idle word.
pub(super) async fn unpack_freely(transaction: &Transaction<'_>) -> Result<(), Error> {
    let sql = "set local timescaledb.max_tuples_decompressed_per_dml_transaction = 0";
    transaction.batch_execute(sql).await
}

async fn copy_positions(transaction: &Transaction<'_>, rows: &[Bytes]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut sink = Box::pin(transaction.copy_in(COPY_POSITION).await?);
    for part in rows {
        sink.send(part.clone()).await?;
    }
    sink.as_mut().finish().await?;
    Ok(())
}

async fn extend(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), Error> {
    let times = batch.extensions.keys().map(|(_, time_ms, _)| *time_ms);
    let (Some(first), Some(last)) = (times.clone().min(), times.clone().max()) else {
        return Ok(());
    };
    let tags: Vec<i32> = batch.extensions.keys().map(|(tag, _, _)| *tag).collect();
    let seqs: Vec<Option<i64>> =
        batch.extensions.keys().map(|(_, _, seq)| seq.map(i64::from)).collect();
    let times: Vec<Ms> = times.map(Ms).collect();
    let untils: Vec<Ms> = batch.extensions.values().map(|until_ms| Ms(*until_ms)).collect();
    // The bounds let PostgreSQL skip the partitions of all other days.
    transaction
        .execute(
            "update position p set until = greatest(p.until, e.until)
             from unnest($1::int4[], $2::timestamptz[], $3::timestamptz[], $4::int8[])
                 as e (tag, \"time\", until, seq)
             where p.tag = e.tag and p.\"time\" = e.\"time\" and p.seq is not distinct from e.seq
               and p.\"time\" between $5 and $6",
            &[&tags, &times, &untils, &seqs, &Ms(first), &Ms(last)],
        )
        .await?;
    Ok(())
}

/// A late fix ends a row that is stored earlier than was said.
async fn cut(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), Error> {
    if batch.cuts.is_empty() {
        return Ok(());
    }
    let tags: Vec<i32> = batch.cuts.keys().map(|(tag, _, _)| *tag).collect();
    let times: Vec<Ms> = batch.cuts.keys().map(|(_, time_ms, _)| Ms(*time_ms)).collect();
    let seqs: Vec<Option<i64>> = batch.cuts.keys().map(|(_, _, seq)| seq.map(i64::from)).collect();
    let untils: Vec<Ms> = batch.cuts.values().map(|until_ms| Ms(*until_ms)).collect();
    unpack_freely(transaction).await?;
    transaction
        .execute(
            "update position p set until = c.until
             from unnest($1::int4[], $2::timestamptz[], $3::int8[], $4::timestamptz[])
                 as c (tag, \"time\", seq, until)
             where p.tag = c.tag and p.\"time\" = c.\"time\" and p.seq is not distinct from c.seq",
            &[&tags, &times, &seqs, &untils],
        )
        .await?;
    Ok(())
}

/// A late fix is stored unless it is there already.
const INSERT_LATE: &str = "
    insert into position (\"time\", until, tag, seq, x_m, y_m, floor, accuracy_m, zone, moving, portal)
    select l.*
    from unnest($1::timestamptz[], $2::timestamptz[], $3::int4[], $4::int8[], $5::float4[], $6::float4[],
                $7::int2[], $8::float4[], $9::int4[], $10::bool[], $11::bool[])
        as l (\"time\", until, tag, seq, x_m, y_m, floor, accuracy_m, zone, moving, portal)
    where not exists (
        select 1 from position p
        where p.tag = l.tag and p.\"time\" = l.\"time\" and p.seq is not distinct from l.seq)";

#[expect(clippy::cast_possible_truncation, reason = "the columns are float4")]
pub(super) async fn insert_late(
    transaction: &Transaction<'_>,
    late: &[&Position],
) -> Result<usize, Error> {
    if late.is_empty() {
        return Ok(0);
    }
    let rows = || late.iter();
    let times: Vec<Ms> = rows().map(|row| Ms(row.time_ms)).collect();
    let untils: Vec<Ms> = rows().map(|row| Ms(row.until_ms)).collect();
    let tags: Vec<i32> = rows().map(|row| row.tag).collect();
    let seqs: Vec<Option<i64>> = rows().map(|row| row.seq.map(i64::from)).collect();
    let xs: Vec<f32> = rows().map(|row| row.x_m as f32).collect();
    let ys: Vec<f32> = rows().map(|row| row.y_m as f32).collect();
    let floors: Vec<i16> = rows().map(|row| row.floor).collect();
    let accuracies: Vec<f32> = rows().map(|row| row.accuracy_m).collect();
    let zones: Vec<Option<i32>> = rows().map(|row| row.zone).collect();
    let moving: Vec<Option<bool>> = rows().map(|row| row.moving).collect();
    let portals: Vec<Option<bool>> = rows().map(|row| row.portal).collect();
    let stored = transaction
        .execute(
            INSERT_LATE,
            &[
                &times,
                &untils,
                &tags,
                &seqs,
                &xs,
                &ys,
                &floors,
                &accuracies,
                &zones,
                &moving,
                &portals,
            ],
        )
        .await?;
    Ok(usize::try_from(stored).unwrap_or_default())
}

/// Each status ends where the asset's next one begins, whatever order they came in.
async fn statuses(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), Error> {
    if batch.statuses.is_empty() {
        return Ok(());
    }
    let assets: Vec<&str> = batch.statuses.keys().map(|(asset, _)| asset.as_str()).collect();
    let from: Vec<Ms> = batch.statuses.keys().map(|(_, from_ms)| Ms(*from_ms)).collect();
    transaction
        .execute(
            "update asset_status s set to_at = n.next_at
             from (select s.asset, s.from_at, min(b.from_at) as next_at
                   from unnest($1::text[], $2::timestamptz[]) as b (asset, from_at)
                   join asset_status s on s.asset = b.asset and s.from_at < b.from_at
                        and (s.to_at is null or s.to_at > b.from_at)
                   group by s.asset, s.from_at) n
             where s.asset = n.asset and s.from_at = n.from_at",
            &[&assets, &from],
        )
        .await?;
    let changes = || batch.statuses.values();
    let statuses: Vec<&str> = changes().map(|change| change.row.status.as_str()).collect();
    let bases: Vec<&str> = changes().map(|change| change.row.basis.as_str()).collect();
    let rules: Vec<&str> = changes().map(|change| change.row.rule.as_str()).collect();
    let zones: Vec<Option<i32>> = changes().map(|change| change.zone).collect();
    transaction
        .execute(
            "insert into asset_status (asset, from_at, status, basis, rule, zone, to_at)
             select b.*, least(
                 lead(b.from_at) over (partition by b.asset order by b.from_at),
                 (select min(l.from_at) from asset_status l where l.asset = b.asset and l.from_at > b.from_at))
             from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::int4[])
                 as b (asset, from_at, status, basis, rule, zone)
             on conflict (asset, from_at) do update set
                 status = excluded.status, basis = excluded.basis, rule = excluded.rule, zone = excluded.zone",
            &[&assets, &from, &statuses, &bases, &rules, &zones],
        )
        .await?;
    Ok(())
}

async fn events(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), Error> {
    if batch.events.is_empty() {
        return Ok(());
    }
    let messages = || batch.events.iter().map(|event| &event.message);
    let tags: Vec<i32> = batch.events.iter().map(|event| event.tag).collect();
    let ids: Vec<&str> = messages().map(|message| message.id.as_str()).collect();
    let kinds: Vec<&str> = messages().map(|message| message.kind.as_str()).collect();
    let times: Vec<Ms> = messages().map(|message| Ms(message.time_ms)).collect();
    let assets: Vec<Option<&str>> =
        messages().map(|message| message.asset.as_ref().map(AssetId::as_str)).collect();
    let zones: Vec<Option<&str>> =
        messages().map(|message| message.zone.as_ref().map(ZoneId::as_str)).collect();
    let bodies: Vec<Json<&EventMessage>> = messages().map(Json).collect();
    transaction
        .execute(
            "insert into event (id, kind, \"time\", tag, asset, zone, message)
             select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::int4[], $5::text[], $6::text[], $7::jsonb[])
             on conflict (id) do nothing",
            &[&ids, &kinds, &times, &tags, &assets, &zones, &bodies],
        )
        .await?;
    Ok(())
}

async fn presence(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), Error> {
    if batch.presence.is_empty() {
        return Ok(());
    }
    let roles: Vec<&str> = batch.presence.keys().map(|(role, _, _)| role.as_str()).collect();
    let zones: Vec<i32> = batch.presence.keys().map(|(_, zone, _)| *zone).collect();
    let quarters: Vec<Ms> =
        batch.presence.keys().map(|(_, _, quarter_ms)| Ms(*quarter_ms)).collect();
    let persons: Vec<i32> = batch.presence.values().copied().collect();
    transaction
        .execute(
            "insert into presence (role, zone, quarter, persons)
             select * from unnest($1::text[], $2::int4[], $3::timestamptz[], $4::int4[])
             on conflict (quarter, role, zone)
                 do update set persons = greatest(presence.persons, excluded.persons)",
            &[&roles, &zones, &quarters, &persons],
        )
        .await?;
    Ok(())
}

async fn reports(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), Error> {
    if batch.reports.is_empty() {
        return Ok(());
    }
    let tags: Vec<i32> = batch.reports.keys().copied().collect();
    let times: Vec<Ms> = batch.reports.values().map(|report| Ms(report.time_ms)).collect();
    let batteries: Vec<Option<i16>> =
        batch.reports.values().map(|report| report.battery_pct).collect();
    let firmwares: Vec<Option<&str>> =
        batch.reports.values().map(|report| report.firmware.as_deref()).collect();
    transaction
        .execute(
            "with told as (
                 select * from unnest($1::int4[], $2::timestamptz[], $3::int2[], $4::text[])
                     as r (tag, at, battery, firmware)),
             kept as (
                 insert into tag_battery (tag, day, battery_pct)
                 select r.tag, date_trunc('day', r.at, 'UTC'), r.battery
                 from told r
                 join tag t on t.id = r.tag and (t.reported_at is null or t.reported_at <= r.at)
                 where r.battery <> coalesce(t.battery_pct, -1)
                 on conflict (tag, day) do update set battery_pct = excluded.battery_pct)
             update tag t set reported_at = r.at, battery_pct = coalesce(r.battery, t.battery_pct),
                              firmware = coalesce(r.firmware, t.firmware),
                              battery_since = case when r.battery >= coalesce(t.battery_pct, -5) + 5
                                                   then r.at else t.battery_since end
             from told r
             where t.id = r.tag and (t.reported_at is null or t.reported_at <= r.at)",
            &[&tags, &times, &batteries, &firmwares],
        )
        .await?;
    Ok(())
}

async fn readers(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), Error> {
    if batch.readers.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = batch.readers.keys().map(|(reader, _)| reader.as_str()).collect();
    let times: Vec<Ms> = batch.readers.keys().map(|(_, time_ms)| Ms(*time_ms)).collect();
    let online: Vec<bool> = batch.readers.values().copied().collect();
    transaction
        .execute(
            "with told as (
                 select n.* from unnest($1::text[], $2::timestamptz[], $3::bool[]) as n (id, at, online)
                 join reader d on d.id = n.id),
             kept as (
                 insert into reader_change (reader, changed_at, online) select * from told
                 on conflict (reader, changed_at) do update set online = excluded.online)
             update reader d set online = n.online, changed_at = n.at
             from (select distinct on (id) * from told order by id, at desc) n
             where d.id = n.id and (d.changed_at is null or d.changed_at <= n.at)",
            &[&ids, &times, &online],
        )
        .await?;
    Ok(())
}
