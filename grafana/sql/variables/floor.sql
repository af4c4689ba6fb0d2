select distinct floor::text as "__value", floor_label as "__text"
from rpt_ward
order by 1
