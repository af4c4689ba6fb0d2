-- Question: How much is not shown?
-- Formula: quarters of an hour, role and ward whose largest group was under five / all of them.
-- Delay: a day.
select (count(*) filter (where persons_at_least is null))::float8 / count(*) as "Hidden"
from rpt_presence_15m
where quarter >= $__timeFrom()
  and quarter < $__timeTo()
  and role in (${role:sqlstring})
having count(*) > 0
