-- Question: Where does equipment stand, and for how long?
-- Formula: stays of a minute and more that ended in the chosen time, by kind of room. Lengths are exact to about a twentieth.
-- Delay: a minute.
with bucketed as (
  select room_kind, bucket, sum(visits)::float8 as n, sum(seconds) as seconds
  from rpt_dwell_hour
  where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
    and hour < $__timeTo()
    and class in (${class:sqlstring})
  group by 1, 2
),
ranked as (
  select
    *,
    sum(n) over (partition by room_kind order by bucket) as up_to,
    sum(n) over (partition by room_kind) as total
  from bucketed
)
select
  room_kind as "kind of room",
  max(total) as stays,
  max(rollup_quantile(ceil(0.5 * total) - up_to + n, n, seconds, bucket, 4))
    filter (where ceil(0.5 * total) > up_to - n and ceil(0.5 * total) <= up_to) / 60 as median,
  max(rollup_quantile(ceil(0.9 * total) - up_to + n, n, seconds, bucket, 4))
    filter (where ceil(0.9 * total) > up_to - n and ceil(0.9 * total) <= up_to) / 60 as "90 %",
  sum(seconds) / max(total) / 60 as mean
from ranked
group by room_kind
order by stays desc, room_kind
