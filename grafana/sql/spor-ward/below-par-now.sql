-- Question: How often was it short?
-- Formula: time in which fewer than the PAR level were available / recorded time of all chosen classes and wards that have a level.
-- Delay: a minute.
select sum(short_s) / sum(recorded_s) as "Below PAR", sum(critical_s) / sum(recorded_s) as "Below critical"
from rpt_par_hour
where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
  and hour < $__timeTo()
  and ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
having sum(recorded_s) > 0
