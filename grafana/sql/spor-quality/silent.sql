-- Question: Which tags are silent, and where were they last?
-- Formula: tags on assets that were not heard for longer than the chosen time, the longest silent first. Shows now, whatever the time picker says.
-- Delay: seconds.
select
  label as asset,
  class,
  tag,
  coalesce(ward, 'no ward') as "last ward",
  coalesce(zone_name, 'not in a room') as "last room",
  silent_s as "silent for",
  battery_pct as battery
from rpt_tag_health
where silent_s >= $silent_minutes * 60
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
order by silent_s desc, asset
limit 200
