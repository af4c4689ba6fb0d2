-- Question: How often were people looked up, and what for?
-- Formula: look-ups of where people are, by stated purpose and day (UTC). Who asked stands in the log itself, for coordinators and administrators.
-- Delay: seconds; the present day is not over yet.
select day as "time", purpose as metric, lookups as value
from rpt_lookup_day
where day >= date_trunc('day', $__timeFrom()::timestamptz, 'UTC')
  and day < $__timeTo()
order by 1, 2
