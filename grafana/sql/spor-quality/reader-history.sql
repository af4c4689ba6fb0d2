-- Question: Which readers come and go?
-- Formula: what each reader said of itself; the 20 that were offline for the longest in the chosen time. Before a reader's first word nothing is drawn.
-- Delay: seconds.
with spell as (
  select reader, online, greatest(t0, $__timeFrom()) as t0, least(t1, $__timeTo()) as t1
  from rpt_reader_state
  where t0 < $__timeTo()
    and ends_at > $__timeFrom()
    and t1 > $__timeFrom()
),
worst as (
  select reader
  from spell
  group by reader
  order by sum(t1 - t0) filter (where not online) desc nulls last, reader
  limit 20
)
select t0 as "time", reader as metric, case when online then 1 else 2 end as value
from spell
where reader in (select reader from worst)
order by 1, 2
