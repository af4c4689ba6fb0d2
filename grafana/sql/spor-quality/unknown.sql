-- Question: How much of the time does nobody know what the equipment does?
-- Formula: unknown time / all time of the class in each step.
-- Delay: a minute; the last step is not over yet.
select
  date_bin($__interval_ms * interval '1 millisecond', hour, 'epoch') as "time",
  class as metric,
  sum(unknown_s) / sum(known_s + unknown_s) as value
from rpt_class_hour
where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
  and hour < $__timeTo()
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
group by 1, 2
having sum(known_s + unknown_s) > 0
order by 1, 2
