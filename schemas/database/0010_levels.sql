-- What panels over a quarter of a year read in place of every level of every hour, and turnarounds
-- divided more finely.

-- How many of a class were at the same time in use, or tied up: of each hour what most ask for, which
-- follows from its rows in `rollup_level`. `level_s` is how many, times seconds; `p95` isn't passed
-- in 95 % of the recorded time.
create table rollup_use (
    hour       timestamptz not null,
    class      text not null,
    kind       text not null,
    recorded_s float8 not null,
    level_s    float8 not null,
    highest    int4 not null,
    p95        int4 not null,
    primary key (hour, class, kind)
);
insert into rollup_use
select hour,
       class,
       kind,
       sum(seconds),
       sum(level * seconds),
       max(level),
       min(level) filter (where up_to >= 0.95 * total - 0.0005)
from (
    select *,
           sum(seconds) over (partition by hour, class, kind order by level) as up_to,
           sum(seconds) over (partition by hour, class, kind)                as total
    from rollup_level
) l
group by hour, class, kind;

-- The levels by day (UTC), made from the hours, of the days that were over when the roll-ups last told
-- of anything (`as_of`).
create table rollup_level_day (
    day     timestamptz not null,
    class   text not null,
    kind    text not null,
    level   int4 not null,
    seconds float8 not null,
    primary key (day, class, kind, level)
);
insert into rollup_level_day
select date_trunc('day', hour, 'UTC'), class, kind, level, sum(seconds)
from rollup_level
where hour < (select date_trunc('day', as_of, 'UTC') from rollup_state)
group by 1, 2, 3, 4;

-- What most ask of the levels of a day.
create table rollup_use_day (
    day        timestamptz not null,
    class      text not null,
    kind       text not null,
    recorded_s float8 not null,
    level_s    float8 not null,
    highest    int4 not null,
    p95        int4 not null,
    primary key (day, class, kind)
);
insert into rollup_use_day
select day,
       class,
       kind,
       sum(seconds),
       sum(level * seconds),
       max(level),
       min(level) filter (where up_to >= 0.95 * total - 0.0005)
from (
    select *,
           sum(seconds) over (partition by day, class, kind order by level) as up_to,
           sum(seconds) over (partition by day, class, kind)                as total
    from rollup_level_day
) l
group by day, class, kind;

-- Bucket b holds 2^(b/64) to 2^((b+1)/64) s. What was counted in ones twice as wide lies where its mean
-- is.
create temporary table divided on commit drop as
select hour,
       class,
       home_ward,
       least(greatest(floor(ln(greatest(seconds / episodes, 1)) / ln(2) * 64), bucket * 2), bucket * 2 + 1)::int2
           as bucket,
       episodes,
       seconds
from rollup_turnaround;
truncate rollup_turnaround;
insert into rollup_turnaround select * from divided;

create view rpt_level_day as
select * from rollup_level_day;

create view rpt_use_day as
select day, class, kind, level_s / recorded_s as mean, highest, p95, recorded_s, level_s
from rollup_use_day;

create or replace view rpt_use_hour as
select hour, class, kind, level_s / recorded_s as mean, highest, p95, recorded_s, level_s
from rollup_use;

-- Shortages from their beginning to their end: the pieces of hours joined. Where there were enough for
-- less than a minute, one came as another went, and the shortage went on.
create or replace view rpt_shortage as
select class, ward, min(from_at) as t0, max(to_at) as t1, sum(critical_s) as critical_s
from (
    select *, count(*) filter (where is_first) over (partition by class, ward order by from_at) as episode
    from (
        select *,
               coalesce(from_at - lag(to_at) over (partition by class, ward order by from_at)
                            >= interval '1 minute', true) as is_first
        from rollup_shortage
    ) s
) e
group by class, ward, episode;
