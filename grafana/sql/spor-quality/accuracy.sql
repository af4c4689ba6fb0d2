-- Question: How well are places known, ward by ward?
-- Formula: radius that holds the true place nine times in ten, as tags or engines told it with their newest fix: median and 90 % of the tags. Shows now, whatever the time picker says.
-- Delay: seconds.
select
  coalesce(ward, 'no ward') as ward,
  count(*) as tags,
  percentile_cont(0.5) within group (order by accuracy_m) as median,
  percentile_cont(0.9) within group (order by accuracy_m) as "90 %"
from rpt_tag_health
where accuracy_m is not null
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
group by 1
order by 4 desc, 1
