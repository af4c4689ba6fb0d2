-- Question: Does it rise or fall?
-- Formula: the share in use of each row, day by day (UTC).
-- Delay: a minute; the present day is not over yet.
select
  day as "time",
  class,
  ward,
  sum(in_use_s) / sum(known_s) as in_use
from rpt_place_day
where day >= date_trunc('day', $__timeFrom()::timestamptz, 'UTC')
  and day < $__timeTo()
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
group by day, class, ward
having sum(known_s) > 0
order by day, class, ward
