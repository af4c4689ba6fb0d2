//! What is another by a late fix, into the tables: a few statements for all stretches of a group.
//! Whatever lasts is written last, since of each tag and asset only one may.

use super::Amended;
use crate::{
    model::{ById, Redecided, StatusSpan, TagId, VisitRow, ZoneId},
    storage::{
        connection::Ms,
        writer::{
            batch::{Position, position},
            by_hand::put_beneath,
            transaction::{Context, insert_late},
        },
    },
};
use tokio_postgres::{Error, Transaction};

const CHANGE_ROWS: &str = "
    update position p set until = c.until, zone = c.zone
    from unnest($1::int4[], $2::timestamptz[], $3::int8[], $4::timestamptz[], $5::int4[])
        as c (tag, \"time\", seq, until, zone)
    where p.tag = c.tag and p.\"time\" = c.\"time\" and p.seq is not distinct from c.seq
      and p.\"time\" between $6 and $7";

/// The room of a visit keeps the key of the site version that it was decided under.
const PUT_VISITS: &str = "
    insert into visit (tag, entered_at, zone, left_at)
    select * from unnest($1::int4[], $2::timestamptz[], $3::int4[], $4::timestamptz[])
    on conflict (tag, entered_at) do update set left_at = excluded.left_at,
        zone = case when (select id from zone where key = visit.zone)
                       = (select id from zone where key = excluded.zone)
                    then visit.zone else excluded.zone end";

const PUT_STATUSES: &str = "
    insert into asset_status (asset, from_at, status, basis, rule, zone, to_at)
    select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::int4[],
                         $7::timestamptz[])
    on conflict (asset, from_at) do update set status = excluded.status, basis = excluded.basis,
        rule = excluded.rule, zone = excluded.zone, to_at = excluded.to_at";

/// Writes what was decided anew, by the tags' keys.
pub(super) async fn redecided(
    transaction: &Transaction<'_>,
    decided: Vec<(i32, &TagId, Redecided)>,
    context: &Context<'_>,
    out: &mut Amended,
) -> Result<(), Error> {
    let zone_key = |zone: &ZoneId| context.zones.get(zone).copied();
    let key_of = |zone: &Option<ZoneId>| zone.as_ref().and_then(zone_key);
    let (mut new, mut changed) = (Vec::new(), Vec::new());
    let (mut no_visits, mut visits) = (Vec::new(), Vec::new());
    for (tag, _, redecided) in &decided {
        let with_keys = |row: &_| position(row, *tag, None);
        for (rows, into) in [(&redecided.rows, &mut new), (&redecided.changed_rows, &mut changed)] {
            into.extend(
                rows.iter().map(|row| Position { zone: key_of(&row.zone), ..with_keys(row) }),
            );
        }
        no_visits.extend(redecided.no_visits.iter().map(|at_ms| (*tag, *at_ms)));
        for visit in &redecided.visits {
            match zone_key(&visit.zone) {
                Some(zone) => visits.push((*tag, zone, visit)),
                None => out.without_zone += 1,
            }
        }
    }
    out.positions += insert_late(transaction, &new.iter().collect::<Vec<_>>()).await?;
    change_rows(transaction, &changed).await?;
    if !no_visits.is_empty() {
        let (tags, at): (Vec<i32>, Vec<Ms>) =
            no_visits.into_iter().map(|(tag, at_ms)| (tag, Ms(at_ms))).unzip();
        let sql =
            "delete from visit v using unnest($1::int4[], $2::timestamptz[]) as n (tag, entered_at)
                   where v.tag = n.tag and v.entered_at = n.entered_at";
        transaction.execute(sql, &[&tags, &at]).await?;
    }
    for lasts in [false, true] {
        put_visits(transaction, visits.iter().filter(|v| v.2.left_ms.is_none() == lasts)).await?;
    }
    let lines: Vec<Redecided> = decided.into_iter().map(|(.., redecided)| redecided).collect();
    put_lines(transaction, &lines, context.zones).await?;
    out.present.extend(lines.into_iter().flat_map(|redecided| redecided.present));
    Ok(())
}

/// Writes what is another of the lines of assets.
pub(in crate::storage::writer) async fn put_lines(
    transaction: &Transaction<'_>,
    lines: &[Redecided],
    zones: &ById<ZoneId, i32>,
) -> Result<(), Error> {
    let key_of = |zone: &Option<ZoneId>| zone.as_ref().and_then(|zone| zones.get(zone).copied());
    let no_statuses = lines.iter().flat_map(|line| &line.no_statuses);
    let no_beneath = lines.iter().flat_map(|line| &line.no_beneath);
    for (table, rows) in [
        ("asset_status", no_statuses.collect::<Vec<_>>()),
        ("status_beneath", no_beneath.collect()),
    ] {
        if rows.is_empty() {
            continue;
        }
        let (assets, at): (Vec<&str>, Vec<Ms>) =
            rows.into_iter().map(|(asset, at_ms)| (asset.as_str(), Ms(*at_ms))).unzip();
        let sql = format!(
            "delete from {table} s using unnest($1::text[], $2::timestamptz[]) as n (asset, from_at)
             where s.asset = n.asset and s.from_at = n.from_at"
        );
        transaction.execute(&sql, &[&assets, &at]).await?;
    }
    let beneath = lines.iter().flat_map(|line| &line.beneath);
    let beneath: Vec<_> = beneath.map(|row| (row, key_of(&row.zone))).collect();
    put_beneath(transaction, &beneath).await?;
    let statuses = lines.iter().flat_map(|line| &line.statuses);
    let statuses: Vec<_> = statuses.map(|span| (key_of(&span.row.zone), span)).collect();
    for lasts in [false, true] {
        let some = statuses.iter().filter(|(_, span)| span.to_ms.is_none() == lasts);
        put_statuses(transaction, some).await?;
    }
    Ok(())
}

async fn change_rows(transaction: &Transaction<'_>, rows: &[Position]) -> Result<(), Error> {
    let (Some(first), Some(last)) =
        (rows.iter().map(|row| row.time_ms).min(), rows.iter().map(|row| row.time_ms).max())
    else {
        return Ok(());
    };
    let tags: Vec<i32> = rows.iter().map(|row| row.tag).collect();
    let times: Vec<Ms> = rows.iter().map(|row| Ms(row.time_ms)).collect();
    let seqs: Vec<Option<i64>> = rows.iter().map(|row| row.seq.map(i64::from)).collect();
    let untils: Vec<Ms> = rows.iter().map(|row| Ms(row.until_ms)).collect();
    let zones: Vec<Option<i32>> = rows.iter().map(|row| row.zone).collect();
    transaction
        .execute(CHANGE_ROWS, &[&tags, &times, &seqs, &untils, &zones, &Ms(first), &Ms(last)])
        .await?;
    Ok(())
}

async fn put_visits<'a>(
    transaction: &Transaction<'_>,
    visits: impl Iterator<Item = &'a (i32, i32, &'a VisitRow)> + Clone,
) -> Result<(), Error> {
    let tags: Vec<i32> = visits.clone().map(|(tag, ..)| *tag).collect();
    if tags.is_empty() {
        return Ok(());
    }
    let zones: Vec<i32> = visits.clone().map(|(_, zone, _)| *zone).collect();
    let entered: Vec<Ms> = visits.clone().map(|(.., visit)| Ms(visit.entered_ms)).collect();
    let left: Vec<Option<Ms>> = visits.map(|(.., visit)| visit.left_ms.map(Ms)).collect();
    transaction.execute(PUT_VISITS, &[&tags, &entered, &zones, &left]).await?;
    Ok(())
}

async fn put_statuses<'a>(
    transaction: &Transaction<'_>,
    spans: impl Iterator<Item = &'a (Option<i32>, &'a StatusSpan)> + Clone,
) -> Result<(), Error> {
    let rows = || spans.clone().map(|(_, span)| &span.row);
    let assets: Vec<&str> = rows().map(|row| row.asset.as_str()).collect();
    if assets.is_empty() {
        return Ok(());
    }
    let from: Vec<Ms> = rows().map(|row| Ms(row.from_ms)).collect();
    let statuses: Vec<&str> = rows().map(|row| row.status.as_str()).collect();
    let bases: Vec<&str> = rows().map(|row| row.basis.as_str()).collect();
    let rules: Vec<&str> = rows().map(|row| row.rule.as_str()).collect();
    let zones: Vec<Option<i32>> = spans.clone().map(|(zone, _)| *zone).collect();
    let to: Vec<Option<Ms>> = spans.clone().map(|(_, span)| span.to_ms.map(Ms)).collect();
    transaction
        .execute(PUT_STATUSES, &[&assets, &from, &statuses, &bases, &rules, &zones, &to])
        .await?;
    Ok(())
}
