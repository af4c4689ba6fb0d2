-- PAR levels, and roll-ups: what every hour (UTC) came to, kept for good.
--
-- An hour is *settled* some minutes after its end. What is written into a settled hour afterwards,
-- by late data, by hand or by a recomputation, is noted by triggers, and the hours that it reaches
-- are rolled up anew; the hours after the settled ones are rolled up at every pass. Which hours
-- those are is exact: whoever changes rows holds a lock shared that is held alone while the border
-- of the settled hours moves, so every change is either seen by the roll-up or noted.

-- How many of a class should stand ready in a ward, and how many at the very least.
create table par_level (
    class    text,
    ward     text,
    target   int not null,
    critical int not null,
    primary key (class, ward),
    check (0 <= critical and critical <= target)
);

create table rollup_state (
    only_one boolean primary key default true check (only_one),
    -- Hours before this are settled; null: nothing was rolled up yet.
    settled  timestamptz,
    -- What happened up to here is in the roll-ups.
    as_of    timestamptz
);
insert into rollup_state default values;

-- What was written into settled hours and isn't rolled up yet.
create table rollup_touched (
    asset   text,
    tag     int4,
    from_at timestamptz not null,
    to_at   timestamptz not null
);

-- Settled hours that are to be rolled up.
create table rollup_due (
    hour timestamptz primary key
);

create function note_touched_status() returns trigger language plpgsql as $$
declare
    border timestamptz;
begin
    perform pg_advisory_xact_lock_shared(x'53504f520602'::int8);
    select settled into border from rollup_state;
    if border is null then
        return null;
    end if;
    if tg_op = 'INSERT' then
        insert into rollup_touched (asset, from_at, to_at)
        select asset, from_at, coalesce(to_at, 'infinity') from new_rows where from_at < border;
    elsif tg_op = 'DELETE' then
        insert into rollup_touched (asset, from_at, to_at)
        select asset, from_at, coalesce(to_at, 'infinity') from old_rows where from_at < border;
    else
        -- Of what ended otherwise, the time between the two ends is touched.
        insert into rollup_touched (asset, from_at, to_at)
        select c.asset, c.from_at, c.to_at
        from (select n.asset,
                     case when n.status = o.status
                          then least(coalesce(n.to_at, 'infinity'), coalesce(o.to_at, 'infinity'))
                          else n.from_at end as from_at,
                     greatest(coalesce(n.to_at, 'infinity'), coalesce(o.to_at, 'infinity')) as to_at
              from new_rows n
              join old_rows o on o.asset = n.asset and o.from_at = n.from_at
              where n.status <> o.status or n.to_at is distinct from o.to_at) c
        where c.from_at < border;
    end if;
    return null;
end
$$;

create trigger note_inserted after insert on asset_status
    referencing new table as new_rows for each statement execute function note_touched_status();
create trigger note_updated after update on asset_status
    referencing old table as old_rows new table as new_rows
    for each statement execute function note_touched_status();
create trigger note_deleted after delete on asset_status
    referencing old table as old_rows for each statement execute function note_touched_status();

create function note_touched_visit() returns trigger language plpgsql as $$
declare
    border timestamptz;
begin
    perform pg_advisory_xact_lock_shared(x'53504f520602'::int8);
    select settled into border from rollup_state;
    if border is null then
        return null;
    end if;
    if tg_op = 'INSERT' then
        insert into rollup_touched (tag, from_at, to_at)
        select tag, entered_at, coalesce(left_at, 'infinity') from new_rows where entered_at < border;
    elsif tg_op = 'DELETE' then
        insert into rollup_touched (tag, from_at, to_at)
        select tag, entered_at, coalesce(left_at, 'infinity') from old_rows where entered_at < border;
    else
        -- A stay of less than ten minutes is no transfer: with its end its beginning means another.
        insert into rollup_touched (tag, from_at, to_at)
        select c.tag, c.from_at, c.to_at
        from (select n.tag,
                     case when n.zone = o.zone
                               and least(coalesce(n.left_at, 'infinity'), coalesce(o.left_at, 'infinity'))
                                   >= n.entered_at + interval '10 minutes'
                          then least(coalesce(n.left_at, 'infinity'), coalesce(o.left_at, 'infinity'))
                          else n.entered_at end as from_at,
                     greatest(coalesce(n.left_at, 'infinity'), coalesce(o.left_at, 'infinity')) as to_at
              from new_rows n
              join old_rows o on o.tag = n.tag and o.entered_at = n.entered_at
              where n.zone <> o.zone or n.left_at is distinct from o.left_at) c
        where c.from_at < border;
    end if;
    return null;
end
$$;

create trigger note_inserted after insert on visit
    referencing new table as new_rows for each statement execute function note_touched_visit();
create trigger note_updated after update on visit
    referencing old table as old_rows new table as new_rows
    for each statement execute function note_touched_visit();
create trigger note_deleted after delete on visit
    referencing old table as old_rows for each statement execute function note_touched_visit();

-- Seconds in each status, by class, owning ward, and the ward where the asset was (`no ward`: in no
-- room, or in one of no ward).
create table rollup_place (
    hour          timestamptz not null,
    class         text not null,
    home_ward     text not null,
    ward          text not null,
    available_s   float8 not null,
    in_use_s      float8 not null,
    dirty_s       float8 not null,
    cleaning_s    float8 not null,
    maintenance_s float8 not null,
    reserved_s    float8 not null,
    missing_s     float8 not null,
    unknown_s     float8 not null,
    primary key (hour, class, home_ward, ward)
);

-- The same by day (UTC), made from the hours.
create table rollup_place_day (
    day           timestamptz not null,
    class         text not null,
    home_ward     text not null,
    ward          text not null,
    available_s   float8 not null,
    in_use_s      float8 not null,
    dirty_s       float8 not null,
    cleaning_s    float8 not null,
    maintenance_s float8 not null,
    reserved_s    float8 not null,
    missing_s     float8 not null,
    unknown_s     float8 not null,
    primary key (day, class, home_ward, ward)
);

-- The same wherever the assets were, and: seconds of assets that were unknown for more than a day
-- (`lost_s`), and that nobody had used for that many days of known time (`idle_*`).
create table rollup_class (
    hour          timestamptz not null,
    class         text not null,
    home_ward     text not null,
    available_s   float8 not null,
    in_use_s      float8 not null,
    dirty_s       float8 not null,
    cleaning_s    float8 not null,
    maintenance_s float8 not null,
    reserved_s    float8 not null,
    missing_s     float8 not null,
    unknown_s     float8 not null,
    lost_s        float8 not null,
    idle_1d_s     float8 not null,
    idle_7d_s     float8 not null,
    idle_30d_s    float8 not null,
    primary key (hour, class, home_ward)
);

-- For how long how many of a class were at the same time in use (`in_use`), or in use, reserved,
-- dirty, in cleaning or with the engineers (`tied_up`). Mean, maximum and any percentile of any
-- stretch of time follow from it.
create table rollup_level (
    hour    timestamptz not null,
    class   text not null,
    kind    text not null,
    level   int4 not null,
    seconds float8 not null,
    primary key (hour, class, kind, level)
);

-- From dirty to available, by the hour in which that ended: bucket b holds 2^(b/32) to 2^((b+1)/32) s.
create table rollup_turnaround (
    hour      timestamptz not null,
    class     text not null,
    home_ward text not null,
    bucket    int2 not null,
    episodes  int4 not null,
    seconds   float8 not null,
    primary key (hour, class, home_ward, bucket)
);

-- Stays of a minute and more, by the hour in which they ended: bucket b holds 2^(b/4) to 2^((b+1)/4) s.
create table rollup_dwell (
    hour      timestamptz not null,
    class     text not null,
    room_kind text not null,
    bucket    int2 not null,
    visits    int4 not null,
    seconds   float8 not null,
    primary key (hour, class, room_kind, bucket)
);

-- From ward to ward, by the hour of coming; a stay of less than ten minutes is none.
create table rollup_transfer (
    hour      timestamptz not null,
    class     text not null,
    from_ward text not null,
    to_ward   text not null,
    transfers int4 not null,
    primary key (hour, class, from_ward, to_ward)
);

-- Available ones in the ward against the PAR level that was in force.
create table rollup_par (
    hour        timestamptz not null,
    class       text not null,
    ward        text not null,
    target      int4 not null,
    critical    int4 not null,
    recorded_s  float8 not null,
    available_s float8 not null,
    lowest      int4 not null,
    short_s     float8 not null,
    critical_s  float8 not null,
    primary key (hour, class, ward)
);

-- When there were fewer than the target, cut at the borders of hours.
create table rollup_shortage (
    hour       timestamptz not null,
    class      text not null,
    ward       text not null,
    from_at    timestamptz not null,
    to_at      timestamptz not null,
    critical_s float8 not null,
    primary key (hour, class, ward, from_at)
);

-- Where rank `rank` of `n` values lies in a bucket that holds them around their mean.
create function rollup_quantile(
    rank float8, n float8, seconds float8, bucket int, per_octave float8
) returns float8 language sql immutable as $$
    select least(greatest(
        seconds / n + (power(2, (bucket + 1) / per_octave) - power(2, bucket / per_octave))
                      * (rank - (n + 1) / 2) / n,
        power(2, bucket / per_octave)), power(2, (bucket + 1) / per_octave))
$$;

-- Up to when the roll-ups tell: `settled` hours change only by what comes late.
create view rpt_rollup as
select settled, as_of from rollup_state;

create view rpt_class_hour as
select *,
       available_s + in_use_s + dirty_s + cleaning_s + maintenance_s + reserved_s + missing_s as known_s
from rollup_class;

create view rpt_place_hour as
select *,
       available_s + in_use_s + dirty_s + cleaning_s + maintenance_s + reserved_s + missing_s as known_s
from rollup_place;

create view rpt_place_day as
select *,
       available_s + in_use_s + dirty_s + cleaning_s + maintenance_s + reserved_s + missing_s as known_s
from rollup_place_day;

create view rpt_level_hour as
select * from rollup_level;

-- Concurrent use by hour: time-weighted mean, maximum, and what isn't passed in 95 % of the time.
create view rpt_use_hour as
select hour,
       class,
       kind,
       sum(level * seconds) / sum(seconds)                       as mean,
       max(level)                                                as highest,
       min(level) filter (where up_to >= 0.95 * total - 0.0005)  as p95
from (
    select *,
           sum(seconds) over (partition by hour, class, kind order by level) as up_to,
           sum(seconds) over (partition by hour, class, kind)                as total
    from rollup_level
) l
group by hour, class, kind;

create view rpt_turnaround_hour as
select * from rollup_turnaround;

create view rpt_dwell_hour as
select * from rollup_dwell;

create view rpt_transfer_hour as
select * from rollup_transfer;

create view rpt_par_hour as
select * from rollup_par;

-- Shortages from their beginning to their end: the pieces of hours joined.
create view rpt_shortage as
select class, ward, min(from_at) as t0, max(to_at) as t1, sum(critical_s) as critical_s
from (
    select *, count(*) filter (where is_first) over (partition by class, ward order by from_at) as episode
    from (
        select *,
               from_at is distinct from lag(to_at) over (partition by class, ward order by from_at)
                   as is_first
        from rollup_shortage
    ) s
) e
group by class, ward, episode;

-- What stands ready in a ward now, against what should.
create view rpt_par_now as
select p.class,
       p.ward,
       p.target,
       p.critical,
       coalesce(n.available, 0) as available,
       coalesce(n.present, 0)   as present
from par_level p
left join (
    select a.class,
           z.ward,
           count(*)                                        as present,
           count(*) filter (where s.status = 'available')  as available
    from visit v
    join zone z on z.key = v.zone
    join tag_binding b on b.tag = v.tag and b.unbound_at is null
    join asset a on a.id = b.asset and a.retired_at is null
    left join asset_status s on s.asset = a.id and s.to_at is null
    where v.left_at is null
    group by a.class, z.ward
) n on n.class = p.class and n.ward = p.ward;

-- How often people were looked up, and what for; who asked stands in the log itself.
create view rpt_lookup_day as
select date_trunc('day', at at time zone 'UTC') at time zone 'UTC' as day,
       purpose,
       count(*)                                                   as lookups
from person_lookup
group by 1, 2;
