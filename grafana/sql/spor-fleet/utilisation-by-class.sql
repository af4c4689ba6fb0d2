-- Question: When is each class of equipment busy?
-- Formula: time in use / (time - unknown time) of the class in each step of the graph; a step in which everything was unknown has no point.
-- Delay: seconds; the last step is not over yet.
with clipped as (
  select
    class,
    status,
    greatest(t0, $__timeFrom()) as t0,
    least(t1, $__timeTo()) as t1
  from rpt_status_interval
  where t0 < $__timeTo()
    and ends_at > $__timeFrom()
    and t1 > $__timeFrom()
    and status <> 'unknown'
    and home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
),
split as (
  select
    s.step as "time",
    c.class,
    c.status,
    extract(epoch from
      least(c.t1, s.step + $__interval_ms * interval '1 ms') - greatest(c.t0, s.step)
    )::float8 as seconds
  from clipped c
  cross join lateral generate_series(
    to_timestamp(floor(extract(epoch from c.t0) * 1000 / $__interval_ms) * $__interval_ms / 1000),
    c.t1 - interval '1 us',
    $__interval_ms * interval '1 ms'
  ) as s(step)
)
select
  "time",
  class as metric,
  coalesce(sum(seconds) filter (where status = 'in_use'), 0) / sum(seconds) as value
from split
group by "time", class
having sum(seconds) > 0
order by "time", class
