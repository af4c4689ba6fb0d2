-- Question: How much of the fleet has stood unused for more than a week, and does that grow?
-- Formula: time of assets that nobody had used for more than seven days of known time / (time - unknown time); time with the engineers does not count as unused.
-- Delay: a minute; the last step is not over yet.
select
  date_bin($__interval_ms * interval '1 millisecond', hour, 'epoch') as "time",
  class as metric,
  least(sum(idle_7d_s) / sum(known_s), 1) as value
from rpt_class_hour
where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
  and hour < $__timeTo()
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
group by 1, 2
having sum(known_s) > 0
order by 1, 2
