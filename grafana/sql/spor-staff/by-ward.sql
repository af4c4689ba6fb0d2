-- Question: Where are they?
-- Formula: for each ward the mean of its largest groups of the chosen roles, rounded down to five, over the quarters of an hour that have one.
-- Delay: a day.
select ward, role, avg(persons_at_least)::float8 as "at least", count(persons_at_least) as quarters
from rpt_presence_15m
where quarter >= $__timeFrom()
  and quarter < $__timeTo()
  and role in (${role:sqlstring})
group by ward, role
having count(persons_at_least) > 0
order by 3 desc, ward, role
