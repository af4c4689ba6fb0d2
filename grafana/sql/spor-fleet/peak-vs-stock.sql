-- Question: Could we own fewer?
-- Formula: simultaneous use = assets of the class in use at the same moment, of all wards together: what one ward alone needs at most does not add up. Highest of the chosen time, and the level that is not passed during 95 % of the recorded time. Tied up: in use, reserved, waiting for cleaning, being cleaned, or with the engineers. Spare = owned - most tied up at once - assets that nobody knows about (mean, rounded), at least 0.
-- Delay: a minute.
with hours as (
  select *
  from rpt_use_hour
  where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
    and hour < $__timeTo()
    and class in (${class:sqlstring})
),
days as (
  select day, class, p95
  from rpt_use_day
  where day >= date_trunc('day', $__timeFrom()::timestamptz + interval '1 day - 1 microsecond', 'UTC')
    and day < (select date_trunc('day', least(as_of, $__timeTo()::timestamptz), 'UTC') from rpt_rollup)
    and kind = 'in_use'
    and class in (${class:sqlstring})
),
edges as (
  select hour, class, p95
  from hours
  where kind = 'in_use'
    and (date_trunc('day', hour, 'UTC'), class) not in (select day, class from days)
),
summed as (
  select
    class,
    max(highest) filter (where kind = 'in_use') as peak,
    max(highest) filter (where kind = 'tied_up') as tied_up,
    sum(level_s) filter (where kind = 'in_use') / sum(recorded_s) filter (where kind = 'in_use') as mean,
    sum(recorded_s) filter (where kind = 'in_use') as seconds
  from hours
  group by class
),
bounds as (
  select class, min(p95) as lowest
  from (select class, p95 from days union all select class, p95 from edges) parts
  group by class
),
level as (
  select class, level, sum(seconds) as seconds
  from (
    select l.class, l.level, l.seconds
    from bounds b
    join days d using (class)
    join rpt_level_day l on l.day = d.day and l.class = d.class and l.kind = 'in_use' and l.level >= b.lowest
    union all
    select l.class, l.level, l.seconds
    from bounds b
    join edges e using (class)
    join rpt_level_hour l on l.hour = e.hour and l.class = e.class and l.kind = 'in_use' and l.level >= b.lowest
  ) parts
  group by class, level
),
above as (
  select class, level, coalesce(sum(seconds) over (
    partition by class order by level desc rows between unbounded preceding and 1 preceding
  ), 0) as seconds
  from level
),
use as (
  select s.*, (select min(a.level) from above a where a.class = s.class and a.seconds <= 0.05 * s.seconds + 0.0005) as p95
  from summed s
),
stock as (
  select class, count(*) as owned
  from rpt_asset
  where created_at < $__timeTo()
    and coalesce(retired_at, 'infinity') > $__timeFrom()
    and class in (${class:sqlstring})
  group by class
),
unknown as (
  select class, sum(unknown_s) as seconds
  from rpt_class_hour
  where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
    and hour < $__timeTo()
    and class in (${class:sqlstring})
  group by class
)
select
  s.class,
  s.owned,
  u.peak as "highest",
  u.p95 as "95 % of the time",
  u.mean as "mean",
  u.tied_up as "tied up",
  n.seconds / u.seconds as "unknown",
  greatest(s.owned - u.tied_up - round(n.seconds / u.seconds), 0) as "spare",
  least(u.peak::float8 / s.owned, 1) as "highest of owned"
from stock s
join use u using (class)
join unknown n using (class)
order by "spare" desc, s.class
