-- Question: Does cleaning get faster or slower?
-- Formula: median turnaround of each day (UTC) and class.
-- Delay: a minute; the present day is not over yet.
with bucketed as (
  select date_bin('1 day', hour, 'epoch') as day, class, bucket, sum(episodes)::float8 as n, sum(seconds) as seconds
  from rpt_turnaround_hour
  where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
    and hour < $__timeTo()
    and home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
  group by 1, 2, 3
),
ranked as (
  select
    *,
    sum(n) over (partition by day, class order by bucket) as up_to,
    sum(n) over (partition by day, class) as total
  from bucketed
)
select
  day as "time",
  class as metric,
  max(rollup_quantile(ceil(0.5 * total) - up_to + n, n, seconds, bucket, 64))
    filter (where ceil(0.5 * total) > up_to - n and ceil(0.5 * total) <= up_to) / 60 as value
from ranked
group by day, class
order by day, class
