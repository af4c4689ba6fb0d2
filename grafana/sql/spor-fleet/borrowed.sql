-- Question: Who lends to whom?
-- Formula: asset-hours that equipment of the owning ward (row) spent in another ward (column), time with unknown status left out, over the whole days (UTC) that the chosen time touches.
-- Delay: a minute.
select
  home_ward as owner,
  ward,
  sum(known_s) / 3600 as hours
from rpt_place_day
where day >= date_trunc('day', $__timeFrom()::timestamptz, 'UTC')
  and day < $__timeTo()
  and ward <> 'no ward'
  and ward <> home_ward
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
group by home_ward, ward
having sum(known_s) > 0
order by home_ward, ward
