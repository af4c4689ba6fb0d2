select role
from (
  select role from rpt_presence_15m
  union
  select 'nobody yet' where not exists (select from rpt_presence_15m)
) roles
order by 1
