-- Question: Where was it gravely short?
-- Formula: minutes in which fewer than the critical level were available, by class and ward; the 15 worst.
-- Delay: a minute.
select class || ' in ' || ward as place, sum(critical_s) / 60 as minutes
from rpt_par_hour
where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
  and hour < $__timeTo()
  and ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
group by class, ward
order by minutes desc, place
limit 15
