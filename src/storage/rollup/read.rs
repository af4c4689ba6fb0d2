//! Everything that reaches into hours, as the pure function wants it.
//!
//! Each asset's and tag's rows are found from the last one before the hours on, by one look into the
//! index: as fast for an hour long ago as for the present one. `offset 0` keeps the planner to that:
//! it would rather read the whole of a table once, and ask of each row whether it is in the hours.

use super::{Hours, StorageError, names::Names};
use crate::{
    model::{AssetPast, HOUR_MS, ParInForce, RollupPast, Status, StatusPast, VisitPast},
    storage::connection::Ms,
};
use futures_util::TryStreamExt;
use std::collections::{HashMap, HashSet};
use tokio_postgres::{Error, Row, Transaction, types::ToSql};

const ASSETS: &str = "
    select id, class, coalesce(home_ward, 'pool'), created_at, retired_at
    from asset
    where created_at < $2 and coalesce(retired_at, 'infinity') > $1";

const STATUSES: &str = "
    select s.asset, s.status, s.from_at, s.to_at
    from asset a
    cross join lateral (
        select * from asset_status s
        where s.asset = a.id and s.from_at < $2
          and s.from_at >= coalesce(
              (select max(b.from_at) from asset_status b where b.asset = a.id and b.from_at < $1),
              '-infinity')
        offset 0) s
    where a.created_at < $2 and coalesce(a.retired_at, 'infinity') > $1";

/// Dirty or in cleaning when the hours begin: since when without a break.
const PREPARING: &str = "
    select a.id,
           (select min(p.from_at) from asset_status p
            where p.asset = a.id and p.from_at <= s.from_at
              and p.from_at > coalesce(
                  (select max(b.from_at) from asset_status b
                   where b.asset = a.id and b.from_at < s.from_at
                     and b.status not in ('dirty', 'cleaning')),
                  '-infinity'))
    from asset a
    cross join lateral (
        select status, from_at from asset_status
        where asset = a.id and from_at < $1 order by from_at desc limit 1) s
    where s.status in ('dirty', 'cleaning') and a.created_at < $2";

/// Known and unused when the hours begin: for how many milliseconds.
const IDLE: &str = "
    select a.id, sum((extract(epoch from least(s.to_at, $1) - s.from_at) * 1000)::int8)::int8
    from asset a
    cross join lateral (
        select from_at, to_at from asset_status
        where asset = a.id and from_at < $1
          and status not in ('in_use', 'unknown', 'maintenance')
          and from_at > coalesce(
              (select max(u.from_at) from asset_status u
               where u.asset = a.id and u.from_at < $1 and u.status = 'in_use'),
              '-infinity')
        offset 0) s
    where a.created_at < $2 and coalesce(a.retired_at, 'infinity') > $1
    group by a.id";

const VISITS: &str = "
    select b.asset, z.ward, z.kind, greatest(v.entered_at, b.bound_at), least(v.left_at, b.unbound_at)
    from tag_binding b
    cross join lateral (
        select * from visit v
        where v.tag = b.tag and v.entered_at < least($2, b.unbound_at)
          and v.entered_at >= coalesce(
              (select max(p.entered_at) from visit p where p.tag = b.tag and p.entered_at < $1),
              '-infinity')
        offset 0) v
    join zone z on z.key = v.zone
    where b.asset is not null and b.bound_at < $2 and coalesce(b.unbound_at, 'infinity') > $1
      and greatest(v.entered_at, b.bound_at) < coalesce(least(v.left_at, b.unbound_at), 'infinity')";

/// The ward in which an asset stayed last when the hours begin.
const WARDS_BEFORE: &str = "
    select b.asset, w.ward
    from tag_binding b
    cross join lateral (
        select z.ward from visit v join zone z on z.key = v.zone
        where v.tag = b.tag and v.entered_at < $1 and z.ward is not null
          and coalesce(v.left_at, $2) - greatest(v.entered_at, b.bound_at) >= interval '10 minutes'
        order by v.entered_at desc limit 1) w
    where b.asset is not null and b.bound_at < $1 and coalesce(b.unbound_at, 'infinity') >= $1";

/// Hours that were rolled up before keep their levels; all others take the present ones.
const PAR: &str = "
    select h.hour, p.class, p.ward, p.target, p.critical
    from generate_series($1::timestamptz, $2::timestamptz - interval '1 hour', interval '1 hour') h (hour)
    cross join par_level p
    where not $3 or not exists (select from rollup_class c where c.hour = h.hour)
    union all
    select hour, class, ward, target, critical
    from rollup_par
    where $3 and hour >= $1 and hour < $2";

/// What there is to roll up of `hours`.
pub(super) async fn past(
    transaction: &Transaction<'_>,
    hours: Hours,
    now_ms: i64,
    names: &mut Names,
) -> Result<RollupPast, StorageError> {
    let (from, to, now) = (Ms(hours.from_ms), Ms(hours.to_ms), Ms(now_ms));
    let mut past =
        RollupPast { from_ms: hours.from_ms, to_ms: hours.to_ms, now_ms, ..RollupPast::default() };
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for row in transaction.query(ASSETS, &[&from, &to]).await? {
        numbers.insert(row.get(0), past.assets.len());
        past.assets.push(AssetPast {
            class: names.number(row.get(1)),
            home_ward: names.number(row.get(2)),
            created_ms: row.get::<_, Ms>(3).0,
            retired_ms: ms(&row, 4),
            ..AssetPast::default()
        });
    }
    let assets = &mut past.assets;
    let mut of = |row: &Row, fill: &mut dyn FnMut(&mut AssetPast, &Row)| {
        if let Some(asset) = numbers.get(row.get::<_, &str>(0)).and_then(|n| assets.get_mut(*n)) {
            fill(asset, row);
        }
    };
    each(transaction, STATUSES, &[&from, &to], |row| {
        of(row, &mut |asset, row| {
            // A status that this version doesn't know is nothing that it knows.
            let status = Status::parse(row.get(1)).unwrap_or(Status::Unknown);
            let (from_ms, to_ms) = (row.get::<_, Ms>(2).0, ms(row, 3));
            asset.statuses.push(StatusPast { status, from_ms, to_ms });
        });
    })
    .await?;
    each(transaction, VISITS, &[&from, &to], |row| {
        of(row, &mut |asset, row| {
            asset.visits.push(VisitPast {
                ward: row.get::<_, Option<&str>>(1).map(|ward| names.number(ward)),
                room_kind: names.number(row.get(2)),
                entered_ms: row.get::<_, Ms>(3).0,
                left_ms: ms(row, 4),
            });
        });
    })
    .await?;
    each(transaction, PREPARING, &[&from, &to], |row| {
        of(row, &mut |asset, row| asset.preparing_since_ms = ms(row, 1));
    })
    .await?;
    each(transaction, IDLE, &[&from, &to], |row| {
        of(row, &mut |asset, row| asset.idle_ms = row.get::<_, Option<i64>>(1).unwrap_or_default());
    })
    .await?;
    each(transaction, WARDS_BEFORE, &[&from, &now], |row| {
        of(row, &mut |asset, row| asset.ward_before = Some(names.number(row.get(1))));
    })
    .await?;
    for asset in assets {
        asset.statuses.sort_unstable_by_key(|span| span.from_ms);
        asset.visits.sort_unstable_by_key(|visit| visit.entered_ms);
    }
    past.par = par(transaction, hours, names).await?;
    Ok(past)
}

async fn par(
    transaction: &Transaction<'_>,
    hours: Hours,
    names: &mut Names,
) -> Result<Vec<ParInForce>, StorageError> {
    let rows =
        transaction.query(PAR, &[&Ms(hours.from_ms), &Ms(hours.to_ms), &hours.is_settled]).await?;
    let mut seen: HashSet<(i64, u32, u32)> = HashSet::new();
    let mut par = Vec::with_capacity(rows.len());
    for row in rows {
        let level = ParInForce {
            hour_ms: row.get::<_, Ms>(0).0,
            class: names.number(row.get(1)),
            ward: names.number(row.get(2)),
            target: row.get::<_, i32>(3).unsigned_abs(),
            critical: row.get::<_, i32>(4).unsigned_abs(),
        };
        if seen.insert((level.hour_ms, level.class, level.ward)) {
            par.push(level);
        }
    }
    debug_assert!(par.iter().all(|level| level.hour_ms.rem_euclid(HOUR_MS) == 0));
    Ok(par)
}

/// Rows one by one: a day of a large hospital has a million.
async fn each(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
    mut take: impl FnMut(&Row),
) -> Result<(), Error> {
    let rows = transaction.query_raw(sql, parameters.iter().copied()).await?;
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await? {
        take(&row);
    }
    Ok(())
}

fn ms(row: &Row, column: usize) -> Option<i64> {
    row.get::<_, Option<Ms>>(column).map(|at| at.0)
}
