//! What the tables know of the courses of assets, in a few statements for a portion of them.

use super::{super::past::PRESSES, Recomputing};
use crate::{
    model::{AssetId, Carriage, Carried, ClassId, Course, RoomKind, Stayed, WardId, ZoneId},
    storage::{
        StorageError,
        connection::Ms,
        writer::past::{FOREVER_MS, lines},
    },
};
use serde::{Deserialize, de::IntoDeserializer as _};
use tokio_postgres::{Client, Row, Transaction};

const ASSETS: &str = "
    select w.n, a.class, a.home_ward
    from unnest($1::text[]) with ordinality as w (asset, n)
    join asset a on a.id = w.asset
    order by w.n";

const CARRIAGES: &str = "
    select w.n, b.tag, b.bound_at, b.unbound_at
    from unnest($1::text[]) with ordinality as w (asset, n)
    join tag_binding b on b.asset = w.asset and coalesce(b.unbound_at, 'infinity') > $2
    order by w.n, b.bound_at";

/// From the one that had begun when the tag was put on, or by the first moment that is asked for.
const STAYS: &str = "
    select w.n, z.id, z.kind, z.ward, v.entered_at, v.left_at
    from unnest($1::int4[], $2::timestamptz[], $3::timestamptz[]) with ordinality
        as w (tag, since, until, n)
    join visit v on v.tag = w.tag and v.entered_at <= w.until
        and v.entered_at >= coalesce(
            (select max(b.entered_at) from visit b where b.tag = w.tag and b.entered_at <= w.since), w.since)
    join zone z on z.key = v.zone
    order by w.n, v.entered_at";

/// When a tag began to move, and to stand still, from the last time before on.
const MOTIONS: &str = "
    select n, \"time\", moving
    from (
        select w.n, p.\"time\", p.moving,
               lag(p.moving) over (partition by w.n order by p.\"time\", p.seq) as before
        from unnest($1::int4[], $2::timestamptz[], $3::timestamptz[]) with ordinality
            as w (tag, since, until, n)
        join position p on p.tag = w.tag and p.moving is not null
            and p.\"time\" between w.since - interval '2 days' and w.until
    ) m
    where moving is distinct from before
    order by n, \"time\"";

/// Every asset that ever did anything.
pub(super) async fn assets(client: &Client) -> Result<Vec<AssetId>, StorageError> {
    let rows = client.query("select id from asset order by id", &[]).await?;
    Ok(rows.iter().filter_map(|row| AssetId::new(row.get(0)).ok()).collect())
}

/// The courses of those of `assets` that there are.
pub(super) async fn courses(
    transaction: &Transaction<'_>,
    assets: &[AssetId],
    what: &Recomputing,
) -> Result<Vec<Course>, StorageError> {
    let names: Vec<&str> = assets.iter().map(AssetId::as_str).collect();
    let mut courses: Vec<Option<Course>> = assets.iter().map(|_| None).collect();
    for row in transaction.query(ASSETS, &[&names]).await? {
        let (Some(n), Ok(class)) = (nth(&row), ClassId::new(row.get(1))) else { continue };
        let ward = row.get::<_, Option<&str>>(2).and_then(|ward| WardId::new(ward).ok());
        courses[n] = Some(Course {
            carried: Carried {
                asset: assets[n].clone(),
                class,
                home_ward: ward,
                from_ms: 0,
                to_ms: None,
                statuses: Vec::new(),
                beneath: Vec::new(),
                hands: Vec::new(),
            },
            carriages: Vec::new(),
        });
    }
    carriages(transaction, &names, &mut courses, what).await?;
    let mut courses: Vec<Course> = courses.into_iter().flatten().collect();
    // What began just before is the last that stays.
    let spans = vec![(Ms(what.from_ms - 1), Ms(FOREVER_MS)); courses.len()];
    let carried = courses.iter_mut().map(|course| &mut course.carried).collect();
    lines(transaction, carried, &spans).await?;
    Ok(courses)
}

async fn carriages(
    transaction: &Transaction<'_>,
    names: &[&str],
    courses: &mut [Option<Course>],
    what: &Recomputing,
) -> Result<(), StorageError> {
    let (mut tags, mut since, mut until) = (Vec::new(), Vec::new(), Vec::new());
    let mut of = Vec::new();
    let from = Ms(what.from_ms);
    for row in transaction.query(CARRIAGES, &[&names, &from]).await? {
        let Some(n) = nth(&row) else { continue };
        let (from, to): (Ms, Option<Ms>) = (row.get(2), row.get(3));
        tags.push(row.get::<_, i32>(1));
        since.push(Ms(from.0.max(what.from_ms)));
        until.push(to.unwrap_or(Ms(FOREVER_MS)));
        of.push(n);
    }
    let mut carriages: Vec<Carriage> = Vec::new();
    for (from, to) in since.iter().zip(&until) {
        let to_ms = (to.0 < FOREVER_MS).then_some(to.0);
        carriages.push(Carriage { from_ms: from.0, to_ms, ..Carriage::default() });
    }
    for row in transaction.query(STAYS, &[&tags, &since, &until]).await? {
        let Some(carriage) = nth(&row).and_then(|n| carriages.get_mut(n)) else { continue };
        let Ok(zone) = ZoneId::new(row.get(1)) else { continue };
        carriage.stays.push(Stayed {
            zone,
            kind: kind(row.get(2)),
            ward: row.get::<_, Option<&str>>(3).and_then(|ward| WardId::new(ward).ok()),
            entered_ms: row.get::<_, Ms>(4).0,
            left_ms: row.get::<_, Option<Ms>>(5).map(|at| at.0),
        });
    }
    // A press counts for as long as the tag stays where it was pressed.
    let entered: Vec<Ms> = carriages
        .iter()
        .zip(&since)
        .map(|(carriage, since)| carriage.stays.first().map_or(*since, |stay| Ms(stay.entered_ms)))
        .collect();
    for row in transaction.query(PRESSES, &[&tags, &entered, &until]).await? {
        let Some(carriage) = nth(&row).and_then(|n| carriages.get_mut(n)) else { continue };
        carriage.presses_ms.push(row.get::<_, Ms>(1).0);
    }
    if what.motion {
        for row in transaction.query(MOTIONS, &[&tags, &since, &until]).await? {
            let Some(carriage) = nth(&row).and_then(|n| carriages.get_mut(n)) else { continue };
            carriage.motions.push((row.get::<_, Ms>(1).0, row.get(2)));
        }
    }
    for (n, carriage) in of.into_iter().zip(carriages) {
        if let Some(course) = &mut courses[n] {
            course.carriages.push(carriage);
        }
    }
    Ok(())
}

/// The kind of a room by its name; none: of a zone.
fn kind(name: &str) -> Option<RoomKind> {
    let name: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
        name.into_deserializer();
    RoomKind::deserialize(name).ok()
}

/// Ordinality counts from 1.
fn nth(row: &Row) -> Option<usize> {
    usize::try_from(row.get::<_, i64>(0) - 1).ok()
}
