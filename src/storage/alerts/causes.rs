//! What is wrong now, as far as it is stored. Only of assets in service, and never of what a person
//! wears.

use super::super::{Storage, StorageError, connection::Ms};
use crate::model::{
    About, AlertKind, Cause, ClassId, LOW_BATTERY_PCT, ReaderId, Severity, WELL_AGAIN_PCT,
};
use tokio_postgres::Row;

/// What decides whether something is wrong.
#[derive(Debug, Clone, Copy)]
pub struct AlertLimits<'a> {
    /// Classes that may stand in the ways out of the building.
    pub may_leave: &'a [ClassId],
    /// A reader that is silent for so long is as if it were offline, seconds; 0: never.
    pub reader_silent_s: u32,
    /// Since when messages are received at all, milliseconds: silence before proves nothing.
    pub listening_since_ms: i64,
    /// Now, milliseconds.
    pub now_ms: i64,
}

/// Kind, subject, critical, since, opens; then ward, class, asset, reader, room, floor, reason.
///
/// `here`: the assets whose room is known, each once, since a tag has one open visit. A visit stays
/// open while its tag is silent: what was last seen in a way out, or went from there into no room,
/// is held to be leaving until it is seen elsewhere. So it is with zones.
const CAUSES: &str = "
    with carried as materialized (
        select a.id, a.class, a.home_ward, b.tag, b.bound_at
        from tag_binding b
        join asset a on a.id = b.asset and a.retired_at is null
        where b.unbound_at is null),
    here as materialized (
        select c.id, c.class, c.home_ward, z.id as zone, z.kind, z.name, z.ward, z.floor,
               greatest(v.entered_at, c.bound_at) as since
        from visit v
        join carried c on c.tag = v.tag
        join zone z on z.key = v.zone
        where v.left_at is null),
    doing as materialized (
        select a.id, a.class, a.home_ward, s.status, s.basis, s.from_at, z.kind
        from asset_status s
        join asset a on a.id = s.asset and a.retired_at is null
        left join zone z on z.key = s.zone
        where s.to_at is null and s.status in ('missing', 'dirty', 'cleaning'))
    select 'par', p.class || '/' || p.ward, p.available < p.critical, null::timestamptz, true,
           p.ward, p.class, null, null, null, null::int2,
           p.available || ' of ' || p.target || ' stand ready'
    from rpt_par_now p
    where p.available < p.target
    union all
    select 'missing', d.id, false, d.from_at, true, coalesce(d.home_ward, h.ward), d.class, d.id, null,
           h.zone, h.floor, coalesce('last seen in ' || h.name, 'never seen in a room')
    from doing d
    left join here h on h.id = d.id
    where d.status = 'missing'
      -- What lies there is missing by rule, and has an alert of its own.
      and (d.basis = 'manual' or d.kind is null or d.kind not in ('linen', 'waste'))
    union all
    select 'leaving', h.id, true, h.since, true, coalesce(h.home_ward, h.ward), h.class, h.id, null,
           h.zone, h.floor, 'in ' || h.name
    from here h
    where h.kind = 'entrance' and h.class <> all($1)
    union all
    select 'leaving', c.id, true, v.left_at, true, coalesce(c.home_ward, z.ward), c.class, c.id, null,
           z.id, z.floor, 'went out by ' || z.name
    from (select * from carried c where not exists (select from here h where h.id = c.id)) c
    cross join lateral (
        select w.zone, w.left_at from visit w
        where w.tag = c.tag and w.entered_at >= c.bound_at
        order by w.entered_at desc limit 1) v
    join zone z on z.key = v.zone
    where z.kind = 'entrance' and v.left_at is not null and c.class <> all($1)
    union all
    select 'leaving', c.id, true, greatest(f.at, c.bound_at), true, coalesce(c.home_ward, h.ward), c.class,
           c.id, null, e.id, e.floor, 'in ' || e.name
    from (select distinct on (id) id, kind, name, floor from zone
          where not is_room order by id, key desc) e
    join fence_now f on f.zone = e.id and f.inside
    join carried c on c.tag = f.tag
    left join here h on h.id = c.id
    where e.kind = 'exit' and c.class <> all($1)
    union all
    select 'linen', h.id, false, h.since, true, coalesce(h.home_ward, h.ward), h.class, h.id, null,
           h.zone, h.floor, 'in ' || h.name
    from here h
    where h.kind in ('linen', 'waste')
    union all
    select 'battery', c.id, false, null, t.battery_pct <= $2, coalesce(h.ward, c.home_ward), c.class,
           c.id, null, h.zone, h.floor, t.battery_pct || ' % left'
    from carried c
    join tag t on t.id = c.tag
    left join here h on h.id = c.id
    where t.battery_pct < $3
    union all
    select 'reader', r.id, false,
           case when r.online = false then r.changed_at else r.heard_at + $6 * interval '1 second' end,
           r.online is not distinct from false
               or greatest(r.heard_at, $5) + $6 * interval '1 second' <= $4,
           z.ward, null, null, r.id, r.zone, r.floor,
           case when r.online = false then 'offline' else 'silent' end
    from reader r
    left join lateral (
        select n.ward from zone n where n.id = r.zone order by n.key desc limit 1) z on true
    where r.online = false
       or ($6 > 0 and not r.portal and r.heard_at + $6 * interval '1 second' <= $4)
    union all
    select 'cleaning', d.id, false, coalesce(clean.until, d.from_at), true, coalesce(h.ward, d.home_ward),
           d.class, d.id, null, h.zone, h.floor,
           d.status || coalesce(', in ' || h.name, '')
    from doing d
    left join here h on h.id = d.id
    left join lateral (
        select s.to_at as until from asset_status s
        where s.asset = d.id and s.from_at < d.from_at and s.status not in ('dirty', 'cleaning')
        order by s.from_at desc limit 1) clean on true
    where d.status in ('dirty', 'cleaning')";

impl Storage {
    /// Everything that is wrong, as far as it is stored.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn alert_causes(&self, limits: &AlertLimits<'_>) -> Result<Vec<Cause>, StorageError> {
        let may_leave: Vec<&str> = limits.may_leave.iter().map(ClassId::as_str).collect();
        let rows = self
            .client()
            .await?
            .query(
                CAUSES,
                &[
                    &may_leave,
                    &i16::from(LOW_BATTERY_PCT),
                    &i16::from(WELL_AGAIN_PCT),
                    &Ms(limits.now_ms),
                    &Ms(limits.listening_since_ms),
                    &f64::from(limits.reader_silent_s),
                ],
            )
            .await?;
        Ok(rows.iter().filter_map(cause_of).collect())
    }

    /// Readers were heard, milliseconds. What changes nothing of account is not written.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn note_heard(&self, heard: &[(ReaderId, i64)]) -> Result<(), StorageError> {
        if heard.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = heard.iter().map(|(reader, _)| reader.as_str()).collect();
        let times: Vec<Ms> = heard.iter().map(|(_, at_ms)| Ms(*at_ms)).collect();
        let sql = "update reader r set heard_at = h.at
             from unnest($1::text[], $2::timestamptz[]) as h (id, at)
             where r.id = h.id and (r.heard_at is null or r.heard_at < h.at)";
        self.client().await?.execute(sql, &[&ids, &times]).await?;
        Ok(())
    }
}

fn cause_of(row: &Row) -> Option<Cause> {
    Some(Cause {
        kind: AlertKind::parse(row.get(0))?,
        subject: row.get(1),
        severity: if row.get(2) { Severity::Critical } else { Severity::Low },
        since_ms: row.get::<_, Option<Ms>>(3).map(|at| at.0),
        opens: row.get(4),
        about: about_of(row, 5),
    })
}

/// What an alert names, in the columns from `first` on.
pub(super) fn about_of(row: &Row, first: usize) -> About {
    fn id<T: std::str::FromStr>(row: &Row, column: usize) -> Option<T> {
        row.get::<_, Option<&str>>(column)?.parse().ok()
    }
    About {
        ward: id(row, first),
        class: id(row, first + 1),
        asset: id(row, first + 2),
        reader: id(row, first + 3),
        zone: id(row, first + 4),
        floor: row.get(first + 5),
        reason: row.get(first + 6),
    }
}
