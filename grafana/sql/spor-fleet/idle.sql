-- Question: What can be redeployed?
-- Formula: assets that were last in use more than the chosen number of days ago, counting only time in which they could have been: time with unknown status or with the engineers is left out, unknown time stands beside it. An asset that was never in use counts from when it was first seen. Shows now, whatever the time picker says.
-- Delay: seconds.
select
  label as asset,
  class,
  home_ward as owner,
  coalesce(ward, 'no ward') as ward,
  coalesce(zone_name, 'not in a room') as room,
  status,
  last_use_at as "last in use",
  idle_s / 86400 as "days idle",
  unknown_s / 86400 as "days unknown"
from rpt_asset_idle
where idle_s >= $idle_days * 86400
  and status <> 'unknown'
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
order by idle_s desc, asset
limit 500
