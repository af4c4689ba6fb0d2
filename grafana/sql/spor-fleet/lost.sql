-- Question: How much may be lost?
-- Formula: time of assets that nobody had known anything of for more than 24 hours / all time.
-- Delay: a minute; the last step is not over yet.
select
  date_bin($__interval_ms * interval '1 millisecond', hour, 'epoch') as "time",
  class as metric,
  sum(lost_s) / sum(known_s + unknown_s) as value
from rpt_class_hour
where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
  and hour < $__timeTo()
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
group by 1, 2
having sum(known_s + unknown_s) > 0
order by 1, 2
