//! What holds by hand, what rules say beneath it, and the rules themselves, into their tables: told
//! again, it is changed.

use super::batch::{Batch, StatusChange};
use crate::{
    model::{Hand, StatusRow, WardId},
    storage::connection::Ms,
};
use tokio_postgres::{Error, Transaction, types::ToSql};

const PUT_BENEATH: &str = "
    insert into status_beneath (asset, from_at, status, basis, rule, zone)
    select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::int4[])
    on conflict (asset, from_at) do update set
        status = excluded.status, basis = excluded.basis, rule = excluded.rule, zone = excluded.zone";

const PUT_HANDS: &str = "
    insert into by_hand (asset, from_at, until_at, status, by_whom, reason, to_ward)
    select * from unnest(
        $1::text[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[])
    on conflict (asset, from_at) do update set
        until_at = excluded.until_at, status = excluded.status, by_whom = excluded.by_whom,
        reason = excluded.reason, to_ward = excluded.to_ward";

/// Rules that are known to be in force from then on; of a beginning that is told again nothing changes.
const PUT_RULES: &str = "
    insert into status_rules (from_at, version, text) values ($1, $2, $3)
    on conflict (from_at) do nothing";

pub(super) async fn write(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), Error> {
    for row in &batch.rules {
        transaction.execute(PUT_RULES, &[&Ms(row.from_ms), &row.version, &row.text]).await?;
    }
    let beneath = batch.beneath.values();
    let beneath: Vec<_> = beneath.map(|StatusChange { row, zone }| (row, *zone)).collect();
    put_beneath(transaction, &beneath).await?;
    if batch.by_hand.is_empty() {
        return Ok(());
    }
    let assets: Vec<&str> = batch.by_hand.keys().map(|(asset, _)| asset.as_str()).collect();
    let hands = || batch.by_hand.values();
    let from: Vec<Ms> = hands().map(|hand| Ms(hand.since_ms)).collect();
    let until: Vec<Ms> = hands().map(|hand| Ms(hand.until_ms)).collect();
    let statuses: Vec<&str> = hands().map(|hand| hand.status.as_str()).collect();
    let by: Vec<&str> = hands().map(|hand| hand.by.as_str()).collect();
    let reasons: Vec<Option<&str>> = hands().map(|Hand { reason, .. }| reason.as_deref()).collect();
    let to: Vec<Option<&str>> = hands().map(|hand| hand.to.as_ref().map(WardId::as_str)).collect();
    let parameters: [&(dyn ToSql + Sync); 7] =
        [&assets, &from, &until, &statuses, &by, &reasons, &to];
    transaction.execute(PUT_HANDS, &parameters).await?;
    Ok(())
}

/// Rows with the keys of their rooms.
pub(super) async fn put_beneath(
    transaction: &Transaction<'_>,
    rows: &[(&StatusRow, Option<i32>)],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let assets: Vec<&str> = rows.iter().map(|(row, _)| row.asset.as_str()).collect();
    let from: Vec<Ms> = rows.iter().map(|(row, _)| Ms(row.from_ms)).collect();
    let statuses: Vec<&str> = rows.iter().map(|(row, _)| row.status.as_str()).collect();
    let bases: Vec<&str> = rows.iter().map(|(row, _)| row.basis.as_str()).collect();
    let rules: Vec<&str> = rows.iter().map(|(row, _)| row.rule.as_str()).collect();
    let zones: Vec<Option<i32>> = rows.iter().map(|(_, zone)| *zone).collect();
    transaction.execute(PUT_BENEATH, &[&assets, &from, &statuses, &bases, &rules, &zones]).await?;
    Ok(())
}
