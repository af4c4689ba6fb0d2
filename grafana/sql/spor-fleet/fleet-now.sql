-- Question: How many assets are in each status at the end of the chosen time?
-- Formula: count by status of the chosen classes and owning wards; "unknown" means that nobody knows, not that it is free.
-- Delay: seconds.
select status, count(*) as assets
from rpt_status_interval
where t0 <= least($__timeTo()::timestamptz, now())
  and t1 >= least($__timeTo()::timestamptz, now())
  and ends_at > least($__timeTo()::timestamptz, now())
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
group by status
order by assets desc, status
