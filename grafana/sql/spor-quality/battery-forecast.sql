-- Question: Which batteries are at 10 % next?
-- Formula: (charge - 10) / fall a day, where the fall is the slope of a line (least squares) through what the tag told in the last 30 days since its battery was changed. Nothing is foretold where it fell by less than 2 %, or for less than a day. The 50 soonest, from now, whatever the time picker says.
-- Delay: an hour.
select
  label as asset,
  class,
  tag,
  coalesce(ward, 'no ward') as ward,
  coalesce(zone_name, 'not in a room') as room,
  battery_pct as battery,
  falls_per_day as "fall a day",
  days_to_10 as "days to 10 %"
from rpt_battery_trend
where days_to_10 is not null
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
order by days_to_10, asset
limit 50
