-- Question: Who holds the equipment, and is it used there?
-- Formula: by the ward the asset was in. Held: asset-time there / length of the recorded time. In use: time in use / (time - unknown time). Unknown: unknown time / time, the asset having been seen there last.
-- Delay: seconds.
with clipped as (
  select
    class,
    coalesce(ward, 'no ward') as ward,
    status,
    greatest(t0, $__timeFrom()) as t0,
    least(t1, $__timeTo()) as t1
  from rpt_status_place
  where status_t0 < $__timeTo()
    and ends_at > $__timeFrom()
    and t0 < $__timeTo()
    and t1 > $__timeFrom()
    and home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
),
recorded as (
  select extract(epoch from max(t1) - min(t0))::float8 as seconds
  from clipped
)
select
  c.class,
  c.ward,
  sum(extract(epoch from c.t1 - c.t0))::float8 / r.seconds as held,
  coalesce(sum(extract(epoch from c.t1 - c.t0)) filter (where c.status = 'in_use'), 0)::float8
    / nullif(sum(extract(epoch from c.t1 - c.t0)) filter (where c.status <> 'unknown'), 0)::float8 as in_use,
  coalesce(sum(extract(epoch from c.t1 - c.t0)) filter (where c.status = 'unknown'), 0)::float8
    / sum(extract(epoch from c.t1 - c.t0))::float8 as unknown
from clipped c
cross join recorded r
group by c.class, c.ward, r.seconds
order by c.class, held desc
