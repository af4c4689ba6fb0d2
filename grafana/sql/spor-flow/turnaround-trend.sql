-- Question: Does cleaning get faster or slower?
-- Formula: median turnaround of each day (UTC) and class.
-- Delay: a minute; the present day is not over yet.
with ranked as (
  select
    *,
    sum(episodes) over (partition by day, class order by bucket) as up_to,
    sum(episodes) over (partition by day, class) as total
  from rpt_turnarounds($__timeFrom()::timestamptz, $__timeTo()::timestamptz, array[${ward:sqlstring}], array[${class:sqlstring}])
)
select
  day as "time",
  class as metric,
  max(rollup_quantile(ceil(0.5 * total) - up_to + episodes, episodes, seconds, bucket, 64))
    filter (where ceil(0.5 * total) > up_to - episodes and ceil(0.5 * total) <= up_to) / 60 as value
from ranked
group by day, class
order by day, class
