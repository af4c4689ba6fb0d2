select sum(unknown_s) / sum(known_s + unknown_s) as share
from rpt_class_hour
where hour >= now() - interval '3 hours'
having sum(known_s + unknown_s) > 0
