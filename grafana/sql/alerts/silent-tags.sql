select (count(*) filter (where silent_s > 3600))::float8 / count(*) as share
from rpt_tag_health
having count(*) > 0
