select distinct a.home_ward
from rpt_asset a
left join rpt_ward w on w.ward = a.home_ward
where w.floor::text in (${floor:sqlstring}) or w.ward is null
order by 1
