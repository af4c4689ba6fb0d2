-- Question: Where does the time go between one use and the next?
-- Formula: what each of twenty assets did; which twenty is drawn by lot, and always the same.
-- Delay: seconds.
with sample as (
  select asset
  from rpt_asset
  where home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
  order by md5(asset)
  limit 20
)
select
  greatest(s.t0, $__timeFrom()) as "time",
  s.asset as metric,
  array_position(
    array['available', 'in_use', 'dirty', 'cleaning', 'maintenance', 'reserved', 'missing', 'unknown'], s.status
  ) as value
from rpt_status_interval s
where s.asset in (select asset from sample)
  and s.t0 < $__timeTo()
  and s.ends_at > $__timeFrom()
  and s.t1 > $__timeFrom()
order by 1, 2
