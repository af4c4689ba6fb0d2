-- Question: How often is each ward short?
-- Formula: time in which fewer than the PAR level were available / recorded time, of the chosen classes together, in each step.
-- Delay: a minute; the last step is not over yet.
select
  date_bin($__interval_ms * interval '1 millisecond', hour, 'epoch') as "time",
  ward as metric,
  sum(short_s) / sum(recorded_s) as value
from rpt_par_hour
where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
  and hour < $__timeTo()
  and ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
group by 1, 2
having sum(recorded_s) > 0
order by 1, 2
