-- Question: How long from used to ready again?
-- Formula: from the first moment in which an asset was dirty or in cleaning to the one in which it became available, of those that became so in the chosen time. Where it became unknown, or was used again, in between, nothing is counted.
-- Delay: a minute.
with bucketed as (
  select class, bucket, sum(episodes) as n, sum(seconds) as seconds
  from rpt_turnarounds($__timeFrom()::timestamptz, $__timeTo()::timestamptz, array[${ward:sqlstring}], array[${class:sqlstring}])
  group by 1, 2
),
ranked as (
  select
    *,
    sum(n) over (partition by class order by bucket) as up_to,
    sum(n) over (partition by class) as total
  from bucketed
)
select
  class,
  max(total) as turnarounds,
  max(rollup_quantile(ceil(0.5 * total) - up_to + n, n, seconds, bucket, 64))
    filter (where ceil(0.5 * total) > up_to - n and ceil(0.5 * total) <= up_to) / 60 as median,
  max(rollup_quantile(ceil(0.9 * total) - up_to + n, n, seconds, bucket, 64))
    filter (where ceil(0.9 * total) > up_to - n and ceil(0.9 * total) <= up_to) / 60 as "90 %",
  sum(seconds) / max(total) / 60 as mean
from ranked
group by class
order by median desc, class
