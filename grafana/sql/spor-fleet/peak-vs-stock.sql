-- Question: Could we own fewer?
-- Formula: simultaneous use = assets of the class in use at the same moment, of all wards together: what one ward alone needs at most does not add up. Highest of the chosen time, and the level that is not passed during 95 % of the recorded time. Tied up: in use, reserved, waiting for cleaning, being cleaned, or with the engineers. Spare = owned - most tied up at once - assets that nobody knows about (mean), at least 0.
-- Delay: a minute.
with level as (
  select class, kind, level, sum(seconds) as seconds
  from rpt_level_hour
  where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
    and hour < $__timeTo()
    and class in (${class:sqlstring})
  group by class, kind, level
),
ranked as (
  select
    *,
    sum(seconds) over (partition by class, kind order by level) as up_to,
    sum(seconds) over (partition by class, kind) as total
  from level
),
use as (
  select
    class,
    max(level) filter (where kind = 'in_use') as peak,
    min(level) filter (where kind = 'in_use' and up_to >= 0.95 * total - 0.0005) as p95,
    sum(level * seconds) filter (where kind = 'in_use') / max(total) as mean,
    max(level) filter (where kind = 'tied_up') as tied_up,
    max(total) as seconds
  from ranked
  group by class
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
  greatest(s.owned - u.tied_up - ceil(n.seconds / u.seconds), 0) as "spare",
  least(u.peak::float8 / s.owned, 1) as "highest of owned"
from stock s
join use u using (class)
join unknown n using (class)
order by "spare" desc, s.class
