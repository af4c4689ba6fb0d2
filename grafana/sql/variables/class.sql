select distinct class
from rpt_asset
where home_ward in (${ward:sqlstring})
order by 1
