select reader, floor::text as floor, extract(epoch from now() - changed_at)::float8 as seconds
from rpt_reader
where not online
