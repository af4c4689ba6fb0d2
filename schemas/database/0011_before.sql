-- What months of turnarounds and shortages are read from, and what tags and readers told before.

-- Turnarounds by day (UTC), wherever the assets belong, of the days that were over when the roll-ups
-- last told of anything (`as_of`); buckets are those of `rollup_turnaround`. `up_to`: how many of the
-- day's are in this bucket and those below, of `total`.
create table rollup_turnaround_day (
    day      timestamptz not null,
    class    text not null,
    bucket   int2 not null,
    episodes int4 not null,
    seconds  float8 not null,
    up_to    int4 not null,
    total    int4 not null,
    primary key (day, class, bucket)
);
insert into rollup_turnaround_day
select *,
       sum(episodes) over (partition by day, class order by bucket),
       sum(episodes) over (partition by day, class)
from (
    select date_trunc('day', hour, 'UTC') as day, class, bucket, sum(episodes) as episodes, sum(seconds)
    from rollup_turnaround
    where hour < (select date_trunc('day', as_of, 'UTC') from rollup_state)
    group by 1, 2, 3
) d;

-- Shortages by such a day: the pieces of its hours joined as in rpt_shortage.
create table rollup_shortage_day (
    day        timestamptz not null,
    class      text not null,
    ward       text not null,
    from_at    timestamptz not null,
    to_at      timestamptz not null,
    critical_s float8 not null,
    primary key (day, class, ward, from_at)
);
insert into rollup_shortage_day
select day, class, ward, min(from_at), max(to_at), sum(critical_s)
from (
    select *, count(*) filter (where is_first) over (partition by day, class, ward order by from_at) as episode
    from (
        select date_trunc('day', hour, 'UTC') as day, class, ward, from_at, to_at, critical_s,
               coalesce(from_at - lag(to_at) over (
                            partition by date_trunc('day', hour, 'UTC'), class, ward order by from_at)
                            >= interval '1 minute', true) as is_first
        from rollup_shortage
        where hour < (select date_trunc('day', as_of, 'UTC') from rollup_state)
    ) s
) e
group by day, class, ward, episode;

create view rpt_turnaround_day as
select * from rollup_turnaround_day;

-- The turnarounds that ended between two moments, by day, class and bucket: those of whole days that
-- are over by day, where every ward is asked for that owned anything then; all others by the hour.
-- `up_to` and `total` are of the day, as in rollup_turnaround_day.
create function rpt_turnarounds(
    from_at timestamptz, to_at timestamptz, home_wards text[], classes text[]
) returns table (
    day timestamptz, class text, bucket int2, episodes float8, seconds float8, up_to float8, total float8
) language plpgsql stable set plan_cache_mode = force_custom_plan as $$
declare
    first_hour timestamptz := date_trunc('hour', from_at);
    first_day  timestamptz := date_trunc('day', from_at + interval '1 day - 1 microsecond', 'UTC');
    after_days timestamptz;
begin
    select greatest(date_trunc('day', least(s.as_of, to_at), 'UTC'), first_day) into after_days
    from rpt_rollup s;
    if after_days is null or exists (
        select from rpt_class_hour c
        where c.hour >= first_day and c.hour < after_days and c.home_ward <> all (home_wards)
    ) then
        after_days := first_day;
    end if;
    return query
    select t.day, t.class, t.bucket, t.episodes::float8, t.seconds, t.up_to::float8, t.total::float8
    from rpt_turnaround_day t
    where t.day >= first_day and t.day < after_days and t.class = any (classes)
    union all
    select h.*,
           sum(h.episodes) over (partition by h.day, h.class order by h.bucket),
           sum(h.episodes) over (partition by h.day, h.class)
    from (
        select date_trunc('day', t.hour, 'UTC') as day, t.class, t.bucket, sum(t.episodes)::float8 as episodes,
               sum(t.seconds)
        from rpt_turnaround_hour t
        where t.hour >= first_hour
          and t.hour < to_at
          and (t.hour < first_day or t.hour >= after_days)
          and t.home_ward = any (home_wards)
          and t.class = any (classes)
        group by 1, 2, 3
    ) h;
end
$$;

-- Shortages from their beginning to their end: the pieces of days that are over, and of the hours of
-- the present one, joined. Where there were enough for less than a minute, one came as another went,
-- and the shortage went on.
create or replace view rpt_shortage as
select class, ward, min(from_at) as t0, max(to_at) as t1, sum(critical_s) as critical_s
from (
    select *, count(*) filter (where is_first) over (partition by class, ward order by from_at) as episode
    from (
        select *,
               coalesce(from_at - lag(to_at) over (partition by class, ward order by from_at)
                            >= interval '1 minute', true) as is_first
        from (
            select d.class, d.ward, d.from_at, d.to_at, d.critical_s
            from rollup_shortage_day d
            where d.day < (select date_trunc('day', as_of, 'UTC') from rollup_state)
            union all
            select h.class, h.ward, h.from_at, h.to_at, h.critical_s
            from rollup_shortage h
            where h.hour >= (select coalesce(date_trunc('day', as_of, 'UTC'), '-infinity') from rollup_state)
        ) p
    ) s
) e
group by class, ward, episode;

-- Since when a tag has its battery: its charge rose by five or more.
alter table tag add column battery_since timestamptz;
update tag set battery_since = reported_at where battery_pct is not null;

-- The charge that a tag told of last on a day (UTC), of the days on which it told of another than before.
create table tag_battery (
    tag         int4 not null references tag (id),
    day         timestamptz not null,
    battery_pct int2 not null,
    primary key (tag, day)
);
create index tag_battery_day on tag_battery (day);
insert into tag_battery
select id, date_trunc('day', reported_at, 'UTC'), battery_pct
from tag
where battery_pct is not null and reported_at is not null;

-- When every reader came and went.
create table reader_change (
    reader     text not null references reader (id),
    changed_at timestamptz not null,
    online     boolean not null,
    primary key (reader, changed_at)
);
create index reader_change_time on reader_change (changed_at);
insert into reader_change
select id, changed_at, online
from reader
where online is not null and changed_at is not null;

-- From one word of a reader to the next. Before its first one nothing is known of it.
create view rpt_reader_state as
select c.reader,
       r.floor,
       r.zone,
       c.online,
       c.changed_at                                              as t0,
       coalesce(c.next_at, now())                                as t1,
       coalesce(c.next_at, 'infinity'::timestamptz)              as ends_at
from (
    select *, lead(changed_at) over (partition by reader order by changed_at) as next_at
    from reader_change
) c
join reader r on r.id = c.reader;

-- How the charge of the tags on assets falls: a line through the points of the last 30 days since the
-- battery was changed, the newest word with them. `days_to_10` is null where it fell by less than two,
-- or for less than a day: that says nothing yet.
create view rpt_battery_trend as
select h.tag,
       h.asset,
       h.label,
       h.class,
       h.home_ward,
       h.zone_name,
       h.ward,
       h.battery_pct,
       -f.per_day                                                                        as falls_per_day,
       case when f.fallen >= 2 and f.days >= 1 and f.per_day < 0
            then greatest((h.battery_pct - 10) / -f.per_day, 0) end                      as days_to_10
from rpt_tag_health h
join tag t on t.name = h.tag
join (
    select p.tag,
           regr_slope(p.battery_pct, date_part('epoch', p.at) / 86400)                   as per_day,
           max(p.battery_pct) - min(p.battery_pct)                                       as fallen,
           date_part('epoch', max(p.at) - min(p.at)) / 86400                             as days
    from (
        select d.tag, d.day as at, d.battery_pct
        from tag_battery d
        join tag t on t.id = d.tag
        where d.day >= greatest(date_trunc('day', t.battery_since, 'UTC'), now() - interval '30 days')
        union all
        select id, reported_at, battery_pct
        from tag
        where battery_pct is not null
    ) p
    group by p.tag
) f on f.tag = t.id;

-- What became of every claim: `fetched` when the thing was at work before the claim was over, `not
-- fetched` when it was given back or its time ran out; or it `holds`. Who claimed is in no view.
create view rpt_claim as
select h.asset,
       a.class,
       coalesce(a.home_ward, 'pool')       as home_ward,
       h.from_at                           as t0,
       coalesce(s.to_at, now())            as t1,
       case
           when s.to_at is null then 'holds'
           when n.status not in ('available', 'unknown', 'reserved') then 'fetched'
           else 'not fetched'
       end                                 as outcome
from by_hand h
join asset a on a.id = h.asset
join asset_status s on s.asset = h.asset and s.from_at = h.from_at
left join asset_status n on n.asset = h.asset and n.from_at = s.to_at
where h.reason is null;
