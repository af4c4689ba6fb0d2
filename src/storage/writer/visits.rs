//! Visits into their table: never two of a tag at a time, whatever comes in which order.

use super::batch::{Batch, Visit};
use crate::storage::connection::Ms;
use tokio_postgres::{Error, Transaction};

/// A stored visit that has ended. Where a late fix gave it another beginning, the one that lasts in
/// the same room is meant; where it gave it another end, no more than that end is taken.
const ENDED: &str = "
    with n as (
        select * from unnest($1::int4[], $2::timestamptz[], $3::int4[], $4::timestamptz[])
            as n (tag, entered_at, zone, left_at)),
    known as (
        update visit v
        set left_at = least(n.left_at, (select min(l.entered_at) from visit l
                                        where l.tag = v.tag and l.entered_at > v.entered_at))
        from n where v.tag = n.tag and v.entered_at = n.entered_at
        returning n.tag, n.entered_at),
    held as (
        update visit v set left_at = n.left_at
        from n
        where v.tag = n.tag and v.left_at is null and v.zone = n.zone and v.entered_at < n.left_at
          and not exists (select 1 from visit k where k.tag = n.tag and k.entered_at = n.entered_at)
        returning n.tag, n.entered_at)
    insert into visit (tag, entered_at, zone, left_at)
    select n.tag, n.entered_at, n.zone, n.left_at from n
    where not exists (select 1 from known k where k.tag = n.tag and k.entered_at = n.entered_at)
      and not exists (select 1 from held h where h.tag = n.tag and h.entered_at = n.entered_at)
      and not exists (select 1 from visit o where o.tag = n.tag and o.entered_at < n.left_at
                          and coalesce(o.left_at, 'infinity') > n.entered_at)
    on conflict (tag, entered_at) do nothing";

/// The visit before each new one ends where that begins: a stored one may lie between two new ones.
const END_BEFORE: &str = "
    update visit v set left_at = n.entered_at
    from (select n.tag, p.entered_at as began, min(n.entered_at) as entered_at
          from unnest($1::int4[], $2::timestamptz[]) as n (tag, entered_at)
          cross join lateral (select b.entered_at from visit b
                              where b.tag = n.tag and b.entered_at < n.entered_at
                              order by b.entered_at desc limit 1) p
          group by n.tag, p.entered_at) n
    where v.tag = n.tag and v.entered_at = n.began
      and (v.left_at is null or v.left_at > n.entered_at)";

const BEGUN: &str = "
    insert into visit (tag, entered_at, zone, left_at)
    select n.tag, n.entered_at, n.zone,
           least(n.left_at, (select min(l.entered_at) from visit l
                             where l.tag = n.tag and l.entered_at > n.entered_at))
    from unnest($1::int4[], $2::timestamptz[], $3::int4[], $4::timestamptz[])
        as n (tag, entered_at, zone, left_at)
    on conflict (tag, entered_at) do nothing";

pub(super) async fn write(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), Error> {
    let (new, ended): (Vec<_>, Vec<_>) = batch.visits.iter().partition(|(_, visit)| visit.is_new);
    if !ended.is_empty() {
        let (tags, entered, zones, left) = columns(&ended);
        transaction.execute(ENDED, &[&tags, &entered, &zones, &left]).await?;
    }
    if !new.is_empty() {
        let (tags, entered, ..) = columns(&new);
        transaction.execute(END_BEFORE, &[&tags, &entered]).await?;
    }
    // One that lasts is the last: the index of those that last knows one of each tag.
    for lasts in [false, true] {
        let rows: Vec<_> =
            new.iter().copied().filter(|(_, visit)| visit.left_ms.is_none() == lasts).collect();
        if !rows.is_empty() {
            let (tags, entered, zones, left) = columns(&rows);
            transaction.execute(BEGUN, &[&tags, &entered, &zones, &left]).await?;
        }
    }
    Ok(())
}

type Columns = (Vec<i32>, Vec<Ms>, Vec<i32>, Vec<Option<Ms>>);

fn columns(rows: &[(&(i32, i64), &Visit)]) -> Columns {
    (
        rows.iter().map(|(key, _)| key.0).collect(),
        rows.iter().map(|(key, _)| Ms(key.1)).collect(),
        rows.iter().map(|(_, visit)| visit.zone).collect(),
        rows.iter().map(|(_, visit)| visit.left_ms.map(Ms)).collect(),
    )
}
