-- Question: Does anything flap between rooms?
-- Formula: stays of a minute and more that ended / (asset-hours - unknown asset-hours), by class and day (UTC). A number that jumps without more traffic is flapping.
-- Delay: a minute; the present day is not over yet.
with stays as (
  select date_bin('1 day', hour, 'epoch') as day, class, sum(visits) as visits
  from rpt_dwell_hour
  where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
    and hour < $__timeTo()
    and class in (${class:sqlstring})
  group by 1, 2
),
hours as (
  select date_bin('1 day', hour, 'epoch') as day, class, sum(known_s) / 3600 as hours
  from rpt_class_hour
  where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
    and hour < $__timeTo()
    and class in (${class:sqlstring})
  group by 1, 2
  having sum(known_s) > 0
)
select h.day as "time", h.class as metric, coalesce(s.visits, 0) / h.hours as value
from hours h
left join stays s using (day, class)
order by 1, 2
