-- Question: Who lends to whom?
-- Formula: asset-hours that equipment of the owning ward (row) spent in another ward (column), time with unknown status left out.
-- Delay: seconds.
select
  home_ward as owner,
  ward,
  sum(extract(epoch from least(t1, $__timeTo()) - greatest(t0, $__timeFrom())))::float8 / 3600 as hours
from rpt_status_place
where status_t0 < $__timeTo()
  and ends_at > $__timeFrom()
  and t0 < $__timeTo()
  and t1 > $__timeFrom()
  and status <> 'unknown'
  and ward is not null
  and ward <> home_ward
  and home_ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
group by home_ward, ward
order by home_ward, ward
