-- Question: How are the batteries?
-- Formula: number of tags on assets by charge, as each told it last. Shows now, whatever the time picker says.
-- Delay: an hour, which is how often tags tell their charge.
select
  lpad((band * 10)::text, 2) || '-' || (band * 10 + 10) || ' %' as charge,
  count(*) as tags
from (
  select least(battery_pct / 10, 9) as band
  from rpt_tag_health
  where battery_pct is not null
    and home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
) told
group by band
order by band
