-- Question: Does cleaning get faster or slower?
-- Formula: median turnaround of each day (UTC) and class.
-- Delay: a minute; the present day is not over yet.
select
  day as "time",
  class as metric,
  rollup_quantile(ceil(0.5 * total) - up_to + episodes, episodes, seconds, bucket, 64) / 60 as value
from rpt_turnarounds($__timeFrom()::timestamptz, $__timeTo()::timestamptz, array[${ward:sqlstring}], array[${class:sqlstring}])
where ceil(0.5 * total) > up_to - episodes
  and ceil(0.5 * total) <= up_to
order by day, class
