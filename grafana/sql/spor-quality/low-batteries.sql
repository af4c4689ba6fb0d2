-- Question: Which batteries must be changed first?
-- Formula: the 50 tags on assets with the lowest charge, as each told it last. Shows now, whatever the time picker says.
-- Delay: an hour.
select label as asset, class, tag, coalesce(ward, 'no ward') as ward, coalesce(zone_name, 'not in a room') as room, battery_pct as battery
from rpt_tag_health
where battery_pct is not null
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
order by battery_pct, asset
limit 50
