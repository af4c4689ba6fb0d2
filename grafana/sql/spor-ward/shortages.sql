-- Question: When was what short, and for how long?
-- Formula: from the moment in which fewer than the PAR level were available to the moment in which there were enough again, for a minute at least; critical where there were fewer than the critical level at any moment of it. The 15 pairs of class and ward that were short for the longest.
-- Delay: a minute.
with episode as (
  select class || ' in ' || ward as place, t0, t1, critical_s
  from rpt_shortage
  where t0 < $__timeTo()
    and t1 > $__timeFrom()
    and ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
),
worst as (
  select place
  from episode
  group by place
  order by sum(least(t1, $__timeTo()) - greatest(t0, $__timeFrom())) desc, place
  limit 15
)
select "time", place as metric, max(state) as value
from (
  select greatest(t0, $__timeFrom()) as "time", place, case when critical_s > 0 then 2 else 1 end as state
  from episode
  union all
  select t1, place, 0
  from episode
  where t1 < $__timeTo()
    and t1 < (select as_of from rpt_rollup)
) change
where place in (select place from worst)
group by 1, 2
order by 1, 2
