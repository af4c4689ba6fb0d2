-- Question: Can I trust these numbers?
-- Formula: asset-hours with unknown status / all asset-hours, of the hours that the chosen time touches. The other panels leave this time out of their denominators.
-- Delay: a minute.
select sum(unknown_s) / sum(known_s + unknown_s) as "Unknown"
from rpt_class_hour
where hour >= date_trunc('hour', $__timeFrom()::timestamptz)
  and hour < $__timeTo()
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
having sum(known_s + unknown_s) > 0
