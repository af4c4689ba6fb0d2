-- What reports may read: views rpt_*. The role spor_grafana sees nothing else (reports_role.sql).
--
-- Common rules. An interval runs from t0 to t1, open ones to now(); clip both to the range that is
-- asked for, and narrow by `t0 < to and ends_at > from`, which the indexes serve. Time that nobody
-- knows about has the status `unknown`, also before an asset was first seen: leave it out of
-- denominators and show it beside them. What a person wears is in no view.

-- Serves `ends_at > from`: without it a short range reads the history of 400 days.
create index asset_status_ends on asset_status (coalesce(to_at, 'infinity'::timestamptz));

-- Every asset that was ever registered. An asset without a home ward belongs to the pool.
create view rpt_asset as
select id as asset,
       label,
       class,
       coalesce(home_ward, 'pool') as home_ward,
       created_at,
       retired_at
from asset;

-- The wards of every site version and the floors they lie on.
create view rpt_ward as
select distinct ward, floor, floor_label
from zone
where ward is not null;

-- What every asset was doing, without a hole from its registration to now.
-- `ward`, `room_kind`: of the room in which the status began; rpt_status_place follows the asset.
create view rpt_status_interval as
select a.id                                                as asset,
       a.class,
       coalesce(a.home_ward, 'pool')                       as home_ward,
       s.status,
       s.basis,
       s.rule,
       z.ward,
       z.kind                                              as room_kind,
       s.from_at                                           as t0,
       least(coalesce(s.to_at, now()), a.retired_at)       as t1,
       coalesce(s.to_at, 'infinity'::timestamptz)          as ends_at
from asset_status s
join asset a on a.id = s.asset
left join zone z on z.key = s.zone
where s.from_at < least(coalesce(s.to_at, now()), a.retired_at)
union all
select a.id,
       a.class,
       coalesce(a.home_ward, 'pool'),
       'unknown',
       'inferred',
       'never seen',
       null,
       null,
       a.created_at,
       f.seen_at,
       f.seen_at
from asset a
cross join lateral (
    select least(coalesce(min(s.from_at), now()), a.retired_at) as seen_at
    from asset_status s
    where s.asset = a.id
) f
where a.created_at < f.seen_at;

-- Which room an asset was in. Clipped to the time its tag was bound to it.
create view rpt_visit as
select a.id                                                           as asset,
       a.class,
       coalesce(a.home_ward, 'pool')                                  as home_ward,
       z.id                                                           as zone,
       z.name                                                         as zone_name,
       z.kind                                                         as room_kind,
       z.ward,
       z.floor,
       greatest(v.entered_at, b.bound_at)                             as t0,
       least(coalesce(v.left_at, now()), b.unbound_at, a.retired_at)  as t1,
       coalesce(v.left_at, 'infinity'::timestamptz)                   as ends_at
from tag_binding b
join asset a on a.id = b.asset
join visit v on v.tag = b.tag
join zone z on z.key = v.zone
where greatest(v.entered_at, b.bound_at)
      < least(coalesce(v.left_at, now()), b.unbound_at, a.retired_at);

-- What an asset was doing, cut at every change of room: narrow by `status_t0 < to and ends_at > from`
-- (the whole status), then clip t0 and t1 (the piece). Time in no room has no piece here.
-- Visits of a tag don't overlap, so the first that reaches into a status is the last begun before it.
create view rpt_status_place as
select s.asset,
       s.class,
       s.home_ward,
       s.status,
       z.id                                        as zone,
       z.name                                      as zone_name,
       z.kind                                      as room_kind,
       z.ward,
       z.floor,
       greatest(s.t0, v.entered_at, b.bound_at)    as t0,
       least(s.t1, v.left_at, b.unbound_at)        as t1,
       s.t0                                        as status_t0,
       s.ends_at
from rpt_status_interval s
join tag_binding b
    on b.asset = s.asset
    and b.bound_at < s.t1
    and coalesce(b.unbound_at, 'infinity') > s.t0
cross join lateral (
    select w.zone, w.entered_at, w.left_at
    from visit w
    where w.tag = b.tag
      and w.entered_at < s.t1
      and w.entered_at >= coalesce(
          (select max(p.entered_at) from visit p where p.tag = b.tag and p.entered_at <= s.t0),
          s.t0)
) v
join zone z on z.key = v.zone
where greatest(s.t0, v.entered_at, b.bound_at) < least(s.t1, v.left_at, b.unbound_at);

-- Every asset that is not retired: what it does, where it is, since when, how old that knowledge is.
create view rpt_asset_now as
select a.id                                as asset,
       a.label,
       a.class,
       coalesce(a.home_ward, 'pool')       as home_ward,
       coalesce(s.status, 'unknown')       as status,
       coalesce(s.from_at, a.created_at)   as status_since,
       s.rule,
       z.id                                as zone,
       z.name                              as zone_name,
       z.kind                              as room_kind,
       z.ward,
       z.floor,
       z.floor_label,
       v.entered_at,
       p.seen_at,
       t.battery_pct
from asset a
left join asset_status s on s.asset = a.id and s.to_at is null
left join tag_binding b on b.asset = a.id and b.unbound_at is null
left join tag t on t.id = b.tag
left join visit v on v.tag = b.tag and v.left_at is null
left join zone z on z.key = v.zone
left join lateral (
    select greatest(f."time", f.until) as seen_at
    from position f
    where f.tag = b.tag
    order by f."time" desc
    limit 1
) p on true
where a.retired_at is null;

-- How long since every asset was last in use. `idle_s` counts only the time in which it could have
-- been: neither unknown nor with the engineers; `unknown_s` stands beside it.
create view rpt_asset_idle as
select n.*,
       u.last_use_at,
       i.idle_s,
       i.unknown_s
from rpt_asset_now n
left join lateral (
    select coalesce(s.to_at, now()) as last_use_at
    from asset_status s
    where s.asset = n.asset and s.status = 'in_use'
    order by s.from_at desc
    limit 1
) u on true
cross join lateral (
    select coalesce(sum(l.seconds) filter (where l.status not in ('unknown', 'maintenance')), 0)
               as idle_s,
           coalesce(sum(l.seconds) filter (where l.status = 'unknown'), 0) as unknown_s
    from (
        select s.status,
               extract(epoch from coalesce(s.to_at, now()) - s.from_at)::float8 as seconds
        from asset_status s
        where s.asset = n.asset
          and s.from_at >= coalesce(u.last_use_at, '-infinity')
          and s.from_at < now()
    ) l
) i
where n.status <> 'in_use';

-- Tags on assets: when they were last heard, how well they know where they are, their battery.
create view rpt_tag_health with (security_barrier) as
select t.name                                                        as tag,
       a.id                                                          as asset,
       a.label,
       a.class,
       coalesce(a.home_ward, 'pool')                                 as home_ward,
       t.battery_pct,
       t.firmware,
       t.reported_at,
       p.seen_at,
       extract(epoch from now() - greatest(p.seen_at, t.reported_at))::float8 as silent_s,
       p.accuracy_m,
       z.id                                                          as zone,
       z.name                                                        as zone_name,
       z.ward,
       z.floor
from tag_binding b
join asset a on a.id = b.asset
join tag t on t.id = b.tag
left join lateral (
    select greatest(f."time", f.until) as seen_at, f.accuracy_m, f.zone
    from position f
    where f.tag = b.tag
    order by f."time" desc
    limit 1
) p on true
left join zone z on z.key = p.zone
where b.unbound_at is null and a.retired_at is null;

-- Readers, and whether they work.
create view rpt_reader as
select r.id as reader, r.floor, r.zone, r.portal, r.online, r.changed_at
from reader r;

-- Staff by role, ward and quarter of an hour; a day late, and null where there were fewer than five.
-- Persons are counted by room, and one person may be in many rooms within a quarter: so a ward shows
-- its fullest room, rounded down to five ("at least"), never a sum that one person could make.
create view rpt_presence_15m with (security_barrier) as
select p.role,
       coalesce(z.ward, 'no ward')                              as ward,
       p.quarter,
       case when max(p.persons) >= 5 then max(p.persons) / 5 * 5 end as persons_at_least
from presence p
join zone z on z.key = p.zone
where p.quarter < now() - interval '1 day'
group by p.role, coalesce(z.ward, 'no ward'), p.quarter;
