-- Question: How many stood ready, and how many should have?
-- Formula: mean number of available assets of the class in the chosen wards that have a PAR level for it, and the sum of those levels, in each step.
-- Delay: a minute; the last step is not over yet.
with by_ward as (
  select
    date_bin($__interval_ms * interval '1 millisecond', hour, 'epoch') as "time",
    class,
    ward,
    sum(available_s) / sum(recorded_s) as available,
    sum(target * recorded_s) / sum(recorded_s) as target
  from rpt_par_hour
  where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
    and hour < $__timeTo()
    and ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
  group by 1, 2, 3
  having sum(recorded_s) > 0
)
select "time", metric, value
from (
  select "time", class, sum(available) as available, sum(target) as target
  from by_ward
  group by 1, 2
) of_class
cross join lateral (values (class, available), (class || ', PAR level', target)) series (metric, value)
order by 1, 2
