-- Question: Who holds the equipment, and is it used there?
-- Formula: by the ward the asset was in, over the whole days (UTC) that the chosen time touches. Held: asset-time there / length of the recorded time. In use: time in use / (time - unknown time). Unknown: unknown time / time, the asset having been seen there last.
-- Delay: a minute; the present day is not over yet.
with held as (
  select
    class,
    ward,
    sum(in_use_s) as in_use_s,
    sum(known_s) as known_s,
    sum(unknown_s) as unknown_s
  from rpt_place_day
  where day >= date_trunc('day', $__timeFrom()::timestamptz, 'UTC')
    and day < $__timeTo()
    and home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
  group by class, ward
),
recorded as (
  select class, sum(recorded_s) as seconds
  from rpt_use_hour
  where hour >= date_trunc('day', $__timeFrom()::timestamptz, 'UTC')
    and hour < date_trunc('day', $__timeTo()::timestamptz, 'UTC') + interval '1 day'
    and kind = 'in_use'
  group by class
)
select
  h.class,
  h.ward,
  (h.known_s + h.unknown_s) / r.seconds as held,
  h.in_use_s / nullif(h.known_s, 0) as in_use,
  h.unknown_s / (h.known_s + h.unknown_s) as unknown
from held h
join recorded r using (class)
where h.known_s + h.unknown_s > 0
  and r.seconds > 0
order by h.class, held desc
