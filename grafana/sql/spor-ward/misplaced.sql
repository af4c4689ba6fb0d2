-- Question: What stands here unused that belongs to somebody else?
-- Formula: available assets in a room of another ward than their own, and since when they are in that room. Equipment of the pool is nobody's. Shows now, whatever the time picker says.
-- Delay: seconds.
select
  label as asset,
  class,
  home_ward as owner,
  ward,
  zone_name as room,
  extract(epoch from now() - entered_at)::float8 as "there for"
from rpt_asset_now
where status = 'available'
  and home_ward <> 'pool'
  and ward <> home_ward
  and ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
order by entered_at, asset
limit 200
