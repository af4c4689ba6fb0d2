-- Question: How close do we come to having everything in use at once?
-- Formula: the highest number of assets of the class in use at one moment of the local day ($tz) / assets of the class that are owned, of all wards together. 100 % means that none was left.
-- Delay: a minute; the present day is not over yet.
with stock as (
  select class, count(*) as owned
  from rpt_asset
  where created_at < $__timeTo()
    and coalesce(retired_at, 'infinity') > $__timeFrom()
  group by class
)
select
  greatest(date_trunc('day', l.hour at time zone '$tz') at time zone '$tz', $__timeFrom()) as "time",
  l.class as metric,
  least(max(l.highest)::float8 / s.owned, 1) as value
from rpt_use_hour l
join stock s using (class)
where l.hour >= date_trunc('hour', $__timeFrom()::timestamptz)
  and l.hour < $__timeTo()
  and l.kind = 'in_use'
  and l.class in (${class:sqlstring})
group by 1, 2, s.owned
order by 1, 2
