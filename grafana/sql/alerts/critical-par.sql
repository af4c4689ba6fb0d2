-- By day only: at night nobody could fill a ward.
select class, ward, (critical - available)::float8 as missing
from rpt_par_now
where available < critical
  and extract(hour from now() at time zone 'Europe/Copenhagen') between 6 and 21
