-- Question: Where do things fall silent, and for how long?
-- Formula: stretches in which nobody knew what an asset did that ended in the last 24 hours of the chosen time, by the ward in which it was last seen: number, median and 95 %. What was never seen before is no gap.
-- Delay: seconds.
select
  coalesce(ward, 'no ward') as ward,
  count(*) as gaps,
  percentile_cont(0.5) within group (order by seconds) as median,
  percentile_cont(0.95) within group (order by seconds) as "95 %"
from (
  select ward, extract(epoch from t1 - t0)::float8 as seconds
  from rpt_status_interval
  where status = 'unknown'
    and rule <> 'never seen'
    and t0 < $__timeTo()
    and ends_at > $__timeFrom()
    and ends_at < $__timeTo()
    and home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
) ended
group by 1
order by gaps desc, 1
