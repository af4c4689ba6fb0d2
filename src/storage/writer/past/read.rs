//! What the tables know of the stretches, in four statements for all of them.

use super::Wanted;
use crate::{
    model::{
        AssetId, Carried, ClassId, PositionRow, RulesRow, Status, StatusRow, StatusSpan, Stretch,
        VisitRow, WardId, ZoneId,
    },
    storage::{
        connection::Ms,
        restore::{RULES, basis, hand, rules_row},
    },
};
use std::sync::Arc;
use tokio_postgres::{Error, Row, Transaction};

/// So many rows before the first change are read, to learn the tag's place and interval from.
const ROWS_BEFORE: i64 = 64;

const ROWS: &str = "
    select w.n, p.\"time\", p.until, p.seq, p.x_m::float8, p.y_m::float8, p.floor, p.accuracy_m, z.id,
           p.moving, p.portal
    from unnest($1::int4[], $2::timestamptz[], $3::timestamptz[], $4::int8[]) with ordinality
        as w (tag, first_at, last_at, rows_after, n)
    cross join lateral (
        (select * from position q
         where q.tag = w.tag and q.\"time\" < w.first_at and q.\"time\" >= w.first_at - interval '2 days'
         order by q.\"time\" desc limit $5)
        union all
        (select * from position q
         where q.tag = w.tag and q.\"time\" >= w.first_at and q.\"time\" <= w.last_at)
        union all
        (select * from position q where q.tag = w.tag and q.\"time\" > w.last_at
         order by q.\"time\" limit w.rows_after)
    ) p
    left join zone z on z.key = p.zone
    order by w.n, p.\"time\", p.seq";

/// From the one that had begun by `since` on.
const VISITS: &str = "
    select w.n, z.id, v.entered_at, v.left_at
    from unnest($1::int4[], $2::timestamptz[], $3::timestamptz[]) with ordinality
        as w (tag, since, until, n)
    join visit v on v.tag = w.tag and v.entered_at <= w.until
        and v.entered_at >= coalesce(
            (select max(b.entered_at) from visit b where b.tag = w.tag and b.entered_at <= w.since), w.since)
    join zone z on z.key = v.zone
    order by w.n, v.entered_at";

/// When buttons were pressed.
pub(in crate::storage::writer) const PRESSES: &str = "
    select w.n, e.\"time\"
    from unnest($1::int4[], $2::timestamptz[], $3::timestamptz[]) with ordinality
        as w (tag, since, until, n)
    join event e on e.tag = w.tag and e.kind = 'button' and e.\"time\" between w.since and w.until
    order by w.n, e.\"time\"";

const CARRIERS: &str = "
    select w.n, b.asset, b.bound_at, b.unbound_at, a.class, a.home_ward
    from unnest($1::int4[], $2::timestamptz[], $3::timestamptz[]) with ordinality
        as w (tag, since, until, n)
    join tag_binding b on b.tag = w.tag and b.asset is not null and b.bound_at <= w.until
        and coalesce(b.unbound_at, 'infinity') > greatest(w.since, b.bound_at)
    join asset a on a.id = b.asset
    order by w.n, b.bound_at";

/// From the last one on that rules had said by `since`, the line is whole: what is beneath and by hand
/// is wanted from the same moment on.
const STATUSES: &str = "
    with w as (
        select u.n, u.asset, u.until,
               coalesce((select max(b.from_at) from asset_status b
                         where b.asset = u.asset and b.from_at <= u.since and b.basis <> 'manual'),
                        (select min(b.from_at) from asset_status b where b.asset = u.asset), u.since) as since
        from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) with ordinality
            as u (asset, since, until, n))
    select w.n, s.status, s.from_at, s.to_at, s.basis, s.rule, z.id, false
    from w
    join asset_status s on s.asset = w.asset and s.from_at between w.since and w.until
    left join zone z on z.key = s.zone
    union all
    select w.n, b.status, b.from_at, null, b.basis, b.rule, z.id, true
    from w
    join status_beneath b on b.asset = w.asset and b.from_at between w.since and w.until
    left join zone z on z.key = b.zone
    order by 1, 3";

const HANDS: &str = "
    select u.n, h.from_at, h.until_at, h.status, h.by_whom, h.reason, h.to_ward
    from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) with ordinality
        as u (asset, since, until, n)
    join by_hand h on h.asset = u.asset and h.from_at between u.since and u.until
    order by u.n, h.from_at";

/// Later than anything that is stored, milliseconds.
pub(in crate::storage::writer) const FOREVER_MS: i64 = 9_000_000_000_000;

/// One stretch for each of `wanted`, in their order.
pub(super) async fn stretches(
    transaction: &Transaction<'_>,
    wanted: &[Wanted<'_>],
    at_ms: i64,
) -> Result<Vec<Stretch>, Error> {
    let rules = transaction.query(RULES, &[]).await?;
    let rules: Arc<[RulesRow]> = rules.iter().map(rules_row).collect();
    let mut stretches: Vec<Stretch> = wanted
        .iter()
        .map(|want| Stretch {
            tag: want.ask.tag.clone(),
            from_ms: want.ask.from_ms,
            to_ms: want.last_ms,
            at_ms,
            interval_ms: want.ask.interval_ms,
            late: want.ask.late.values().cloned().collect(),
            rows: Vec::new(),
            is_complete: true,
            visits: Vec::new(),
            presses_ms: Vec::new(),
            rules: Arc::clone(&rules),
            carriers: Vec::new(),
        })
        .collect();
    let tags: Vec<i32> = wanted.iter().map(|want| want.tag).collect();
    rows(transaction, wanted, &tags, &mut stretches).await?;

    let since: Vec<Ms> = stretches.iter().map(since).collect();
    let until: Vec<Ms> = stretches.iter().map(until).collect();
    for row in transaction.query(VISITS, &[&tags, &since, &until]).await? {
        let Some(stretch) = of(&mut stretches, &row) else { continue };
        let Some(zone) = zone(&row, 1) else { continue };
        stretch.visits.push(VisitRow {
            tag: stretch.tag.clone(),
            zone,
            entered_ms: row.get::<_, Ms>(2).0,
            left_ms: row.get::<_, Option<Ms>>(3).map(|at| at.0),
        });
    }
    for row in transaction.query(PRESSES, &[&tags, &since, &until]).await? {
        let Some(stretch) = of(&mut stretches, &row) else { continue };
        stretch.presses_ms.push(row.get::<_, Ms>(1).0);
    }
    for row in transaction.query(CARRIERS, &[&tags, &since, &until]).await? {
        let Some(stretch) = of(&mut stretches, &row) else { continue };
        let Ok(asset) = AssetId::new(row.get(1)) else { continue };
        let Ok(class) = ClassId::new(row.get(4)) else { continue };
        stretch.carriers.push(Carried {
            asset,
            class,
            home_ward: row.get::<_, Option<&str>>(5).and_then(|ward| WardId::new(ward).ok()),
            from_ms: row.get::<_, Ms>(2).0,
            to_ms: row.get::<_, Option<Ms>>(3).map(|at| at.0),
            statuses: Vec::new(),
            beneath: Vec::new(),
            hands: Vec::new(),
        });
    }
    statuses(transaction, &mut stretches).await?;
    Ok(stretches)
}

async fn rows(
    transaction: &Transaction<'_>,
    wanted: &[Wanted<'_>],
    tags: &[i32],
    stretches: &mut [Stretch],
) -> Result<(), Error> {
    let first: Vec<Ms> = wanted.iter().map(|want| Ms(want.ask.from_ms)).collect();
    let last: Vec<Ms> = wanted.iter().map(|want| Ms(want.last_ms)).collect();
    let rows_after: Vec<i64> = wanted.iter().map(|want| want.rows_after).collect();
    let found = transaction.query(ROWS, &[&tags, &first, &last, &rows_after, &ROWS_BEFORE]).await?;
    for row in found {
        let Some(stretch) = of(stretches, &row) else { continue };
        stretch.rows.push(position(&row, stretch));
    }
    for (want, stretch) in wanted.iter().zip(stretches) {
        let after = stretch.rows.iter().rev().take_while(|row| row.time_ms > want.last_ms).count();
        stretch.is_complete = i64::try_from(after).is_ok_and(|after| after < want.rows_after);
    }
    Ok(())
}

async fn statuses(transaction: &Transaction<'_>, stretches: &mut [Stretch]) -> Result<(), Error> {
    let mut spans = Vec::new();
    for stretch in &*stretches {
        spans.extend(stretch.carriers.iter().map(|_| (since(stretch), until(stretch))));
    }
    let carriers = stretches.iter_mut().flat_map(|stretch| &mut stretch.carriers).collect();
    lines(transaction, carriers, &spans).await
}

/// The lines of assets, each from the last thing on that rules had said by the first moment of its
/// span, to the last moment.
pub(in crate::storage::writer) async fn lines(
    transaction: &Transaction<'_>,
    mut carriers: Vec<&mut Carried>,
    spans: &[(Ms, Ms)],
) -> Result<(), Error> {
    if carriers.is_empty() {
        return Ok(());
    }
    let assets: Vec<String> = carriers.iter().map(|carried| carried.asset.to_string()).collect();
    let (since_ms, until_ms): (Vec<Ms>, Vec<Ms>) = spans.iter().copied().unzip();
    for row in transaction.query(STATUSES, &[&assets, &since_ms, &until_ms]).await? {
        let Some(carried) = nth(&row).and_then(|n| carriers.get_mut(n)) else { continue };
        let Some(status) = Status::parse(row.get(1)) else { continue };
        let Some(basis) = basis(row.get(4)) else { continue };
        let began = StatusRow {
            asset: carried.asset.clone(),
            status,
            from_ms: row.get::<_, Ms>(2).0,
            basis,
            rule: row.get(5),
            zone: zone(&row, 6),
        };
        let to_ms = row.get::<_, Option<Ms>>(3).map(|at| at.0);
        if row.get(7) {
            carried.beneath.push(began);
        } else {
            carried.statuses.push(StatusSpan { row: began, to_ms });
        }
    }
    hands(transaction, &assets, &until_ms, carriers).await
}

/// What held by hand from each line's first status on.
async fn hands(
    transaction: &Transaction<'_>,
    assets: &[String],
    until: &[Ms],
    mut carriers: Vec<&mut Carried>,
) -> Result<(), Error> {
    let first = |carried: &&mut Carried| carried.statuses.first().map(|span| span.row.from_ms);
    let since: Vec<Ms> = carriers.iter().map(|c| Ms(first(c).unwrap_or(FOREVER_MS))).collect();
    for row in transaction.query(HANDS, &[&assets, &since, &until]).await? {
        let Some(carried) = nth(&row).and_then(|n| carriers.get_mut(n)) else { continue };
        carried.hands.extend(hand(&row, 1));
    }
    Ok(())
}

/// The first moment that the stretch tells of.
fn since(stretch: &Stretch) -> Ms {
    let first_ms = stretch.rows.first().map_or(stretch.from_ms, |row| row.time_ms);
    Ms(first_ms.min(stretch.from_ms))
}

/// The last one.
fn until(stretch: &Stretch) -> Ms {
    match stretch.rows.last() {
        Some(row) if !stretch.is_complete => Ms(row.time_ms),
        _ => Ms(FOREVER_MS),
    }
}

fn position(row: &Row, stretch: &Stretch) -> PositionRow {
    let until_ms = row.get::<_, Ms>(2).0;
    PositionRow {
        tag: stretch.tag.clone(),
        time_ms: row.get::<_, Ms>(1).0,
        until_ms,
        received_ms: until_ms,
        seq: row.get::<_, Option<i64>>(3).and_then(|seq| seq.try_into().ok()),
        x_m: row.get(4),
        y_m: row.get(5),
        floor: row.get(6),
        accuracy_m: row.get(7),
        zone: zone(row, 8),
        moving: row.get(9),
        portal: row.get(10),
    }
}

fn zone(row: &Row, column: usize) -> Option<ZoneId> {
    row.get::<_, Option<&str>>(column).and_then(|id| ZoneId::new(id).ok())
}

/// Ordinality counts from 1.
fn nth(row: &Row) -> Option<usize> {
    usize::try_from(row.get::<_, i64>(0) - 1).ok()
}

fn of<'a>(stretches: &'a mut [Stretch], row: &Row) -> Option<&'a mut Stretch> {
    stretches.get_mut(nth(row)?)
}
