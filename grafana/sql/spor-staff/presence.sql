-- Question: How many of a role are at work at the same place?
-- Formula: the largest group of the role in any one room within a quarter of an hour, rounded down to five ("at least"). Groups under five have no point. It is no sum over rooms: one person may be in many within a quarter.
-- Delay: a day.
select quarter as "time", role as metric, max(persons_at_least) as value
from rpt_presence_15m
where quarter >= $__timeFrom()
  and quarter < $__timeTo()
  and role in (${role:sqlstring})
group by 1, 2
having max(persons_at_least) is not null
order by 1, 2
