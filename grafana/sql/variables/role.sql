select distinct role
from rpt_presence_15m
order by 1
