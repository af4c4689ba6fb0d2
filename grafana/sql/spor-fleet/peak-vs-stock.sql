-- Question: Could we own fewer?
-- Formula: simultaneous use = assets of the class in use at the same moment; highest of the chosen time, and the level that is not passed during 95 % of the recorded time. Tied up: in use, reserved, waiting for cleaning, being cleaned, or with the engineers. Spare = owned - most tied up at once - assets that nobody knows about (mean), at least 0.
-- Delay: seconds.
with clipped as (
  select
    class,
    status,
    greatest(t0, $__timeFrom()) as t0,
    least(t1, $__timeTo()) as t1
  from rpt_status_interval
  where t0 < $__timeTo()
    and ends_at > $__timeFrom()
    and t1 > $__timeFrom()
    and home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
),
recorded as (
  select class, min(t0) as t0, max(t1) as t1, extract(epoch from max(t1) - min(t0))::float8 as seconds
  from clipped
  group by class
),
change as (
  select class, t0 as t, (status = 'in_use')::int as used, 1 as tied_up
  from clipped
  where status in ('in_use', 'reserved', 'dirty', 'cleaning', 'maintenance')
  union all
  select class, t1, -(status = 'in_use')::int, -1
  from clipped
  where status in ('in_use', 'reserved', 'dirty', 'cleaning', 'maintenance')
  union all
  select class, t0, 0, 0 from recorded
  union all
  select class, t1, 0, 0 from recorded
),
level as (
  select
    class,
    sum(sum(used)) over before_and_now as in_use,
    sum(sum(tied_up)) over before_and_now as tied_up,
    extract(epoch from lead(t) over before_and_now - t)::float8 as seconds
  from change
  group by class, t
  window before_and_now as (partition by class order by t)
),
ranked as (
  select *, sum(seconds) over (partition by class order by in_use) as seconds_up_to
  from level
  where seconds > 0
),
use as (
  select
    k.class,
    max(k.in_use) as peak,
    min(k.in_use) filter (where k.seconds_up_to >= 0.95 * r.seconds) as p95,
    sum(k.in_use * k.seconds) / r.seconds as mean,
    max(k.tied_up) as tied_up
  from ranked k
  join recorded r using (class)
  group by k.class, r.seconds
),
stock as (
  select class, count(*) as owned
  from rpt_asset
  where created_at < $__timeTo()
    and coalesce(retired_at, 'infinity') > $__timeFrom()
    and home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
  group by class
),
unknown as (
  select
    c.class,
    sum(extract(epoch from c.t1 - c.t0)) filter (where c.status = 'unknown')::float8 / r.seconds as assets
  from clipped c
  join recorded r using (class)
  group by c.class, r.seconds
)
select
  s.class,
  s.owned,
  u.peak as "highest",
  u.p95 as "95 % of the time",
  u.mean as "mean",
  u.tied_up as "tied up",
  coalesce(n.assets, 0) as "unknown",
  greatest(s.owned - u.tied_up - ceil(coalesce(n.assets, 0)), 0) as "spare",
  least(u.peak::float8 / s.owned, 1) as "highest of owned"
from stock s
join use u using (class)
left join unknown n using (class)
order by "spare" desc, s.class
