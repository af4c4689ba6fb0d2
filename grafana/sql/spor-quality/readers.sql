-- Question: Which readers are off?
-- Formula: every reader, those that are offline first, and since when. One that never said anything is unknown. Shows now, whatever the time picker says.
-- Delay: seconds.
select
  reader,
  floor,
  zone as room,
  case when online then 'online' when not online then 'offline' else 'unknown' end as state,
  changed_at as since
from rpt_reader
order by online nulls first, changed_at, reader
limit 500
