-- Question: When is each class of equipment busy?
-- Formula: time in use / (time - unknown time) of the class in each step of the graph, of whole hours; a step in which everything was unknown has no point.
-- Delay: a minute; the last step is not over yet.
select
  date_bin($__interval_ms * interval '1 millisecond', hour, 'epoch') as "time",
  class as metric,
  sum(in_use_s) / sum(known_s) as value
from rpt_class_hour
where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
  and hour < $__timeTo()
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
group by 1, 2
having sum(known_s) > 0
order by 1, 2
