-- Question: Does it rise or fall?
-- Formula: the share in use of each row in 24 equal steps of the chosen time.
-- Delay: seconds.
with step as (
  select
    $__timeFrom()::timestamptz as origin,
    ($__timeTo()::timestamptz - $__timeFrom()::timestamptz) / 24 as width
),
clipped as (
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
    and status <> 'unknown'
    and home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
)
select
  s.origin + n.nth * s.width as "time",
  c.class,
  c.ward,
  coalesce(sum(extract(epoch from
    least(c.t1, s.origin + (n.nth + 1) * s.width) - greatest(c.t0, s.origin + n.nth * s.width)
  )) filter (where c.status = 'in_use'), 0)::float8
    / sum(extract(epoch from
      least(c.t1, s.origin + (n.nth + 1) * s.width) - greatest(c.t0, s.origin + n.nth * s.width)
    ))::float8 as in_use
from clipped c
cross join step s
cross join lateral generate_series(
  floor(extract(epoch from c.t0 - s.origin) / extract(epoch from s.width))::int,
  least(ceil(extract(epoch from c.t1 - s.origin) / extract(epoch from s.width))::int, 24) - 1
) as n(nth)
group by 1, 2, 3
having sum(extract(epoch from
  least(c.t1, s.origin + (n.nth + 1) * s.width) - greatest(c.t0, s.origin + n.nth * s.width)
)) > 0
order by 1, 2, 3
