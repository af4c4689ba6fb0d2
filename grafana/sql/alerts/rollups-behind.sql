select extract(epoch from now() - as_of)::float8 as seconds
from rpt_rollup
where as_of is not null
