-- Question: Can I trust these numbers?
-- Formula: asset-hours with unknown status / all asset-hours of the chosen time. The other panels leave this time out of their denominators.
-- Delay: seconds.
select
  coalesce(sum(seconds) filter (where status = 'unknown'), 0) / sum(seconds) as "Unknown"
from (
  select
    status,
    extract(epoch from least(t1, $__timeTo()) - greatest(t0, $__timeFrom()))::float8 as seconds
  from rpt_status_interval
  where t0 < $__timeTo()
    and ends_at > $__timeFrom()
    and t1 > $__timeFrom()
    and home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
) clipped
having sum(seconds) > 0
