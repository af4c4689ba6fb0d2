-- Question: How much of the fleet is busy at the end of the chosen time?
-- Formula: assets in use / (assets - assets whose status is unknown), of the chosen classes and owning wards.
-- Delay: seconds.
select
  count(*) filter (where status = 'in_use')::float8
    / nullif(count(*) filter (where status <> 'unknown'), 0) as "In use"
from rpt_status_interval
where t0 <= least($__timeTo()::timestamptz, now())
  and t1 >= least($__timeTo()::timestamptz, now())
  and ends_at > least($__timeTo()::timestamptz, now())
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
