-- Question: Do the tags report?
-- Formula: tags on assets that were heard within the last 15 minutes / all tags on assets. Shows now, whatever the time picker says.
-- Delay: seconds.
select (count(*) filter (where silent_s < 900))::float8 / count(*) as "Heard"
from rpt_tag_health
where home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
having count(*) > 0
