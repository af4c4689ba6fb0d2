-- Question: How many stood ready, and how many should have?
-- Formula: number of available assets of the class in the chosen wards that have a PAR level for it, and the sum of those levels: mean of each step over its hours, weighted by how long each was recorded.
-- Delay: a minute; the last step is not over yet.
with by_hour as (
  select hour, class, sum(available_s / recorded_s) as available, sum(target) as target, max(recorded_s) as seconds
  from rpt_par_hour
  where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
    and hour < $__timeTo()
    and recorded_s > 0
    and ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
  group by 1, 2
)
select "time", metric, value
from (
  select
    date_bin($__interval_ms * interval '1 millisecond', hour, 'epoch') as "time",
    class,
    sum(available * seconds) / sum(seconds) as available,
    sum(target * seconds) / sum(seconds) as target
  from by_hour
  group by 1, 2
) of_class
cross join lateral (values (class, available), (class || ', PAR level', target)) series (metric, value)
order by 1, 2
