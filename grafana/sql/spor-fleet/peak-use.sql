-- Question: How close do we come to having everything in use at once?
-- Formula: the highest number of assets of the class in use at one moment of the local day ($tz) / assets of the class that are owned. 100 % means that none was left.
-- Delay: seconds; the present day is not over yet.
with clipped as (
  select
    class,
    greatest(t0, $__timeFrom()) as t0,
    least(t1, $__timeTo()) as t1
  from rpt_status_interval
  where t0 < $__timeTo()
    and ends_at > $__timeFrom()
    and t1 > $__timeFrom()
    and status = 'in_use'
    and home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
),
midnight as (
  select d at time zone '$tz' as t
  from generate_series(
    date_trunc('day', $__timeFrom()::timestamptz at time zone '$tz'),
    least($__timeTo()::timestamptz, now()) at time zone '$tz',
    interval '1 day'
  ) as d
),
change as (
  select class, t0 as t, 1 as by_how_much from clipped
  union all
  select class, t1, -1 from clipped
  union all
  select c.class, m.t, 0 from (select distinct class from clipped) c cross join midnight m
),
level as (
  select class, t, sum(sum(by_how_much)) over (partition by class order by t) as in_use
  from change
  group by class, t
),
stock as (
  select class, count(*) as owned
  from rpt_asset
  where created_at < $__timeTo()
    and coalesce(retired_at, 'infinity') > $__timeFrom()
    and home_ward in (${ward:sqlstring})
  group by class
)
select
  greatest(date_trunc('day', l.t at time zone '$tz') at time zone '$tz', $__timeFrom()) as "time",
  l.class as metric,
  max(l.in_use)::float8 / s.owned as value
from level l
join stock s using (class)
where l.t < $__timeTo()
group by 1, 2, s.owned
order by 1, 2
