-- Question: Which are the main flows from ward to ward?
-- Formula: how often an asset of the class came from a stay in one ward to a stay in another; a stay lasts ten minutes and more, a shorter one is a passage. The 15 largest.
-- Delay: a quarter of an hour.
select from_ward as "from", to_ward as "to", sum(transfers)::int8 as transfers
from rpt_transfer_hour
where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
  and hour < $__timeTo()
  and class in (${class:sqlstring})
  and (from_ward in (${ward:sqlstring}) or to_ward in (${ward:sqlstring}))
group by from_ward, to_ward
order by transfers desc, from_ward, to_ward
limit 15
