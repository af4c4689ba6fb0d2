-- Question: How fast is a shortage filled?
-- Formula: length of the shortages that ended in the chosen time, from fewer than the PAR level to enough again, of a minute and more: in a shorter one, one goes as another comes. Enough for less than a minute ends none, for the same reason.
-- Delay: a minute.
select
  class,
  count(*) as shortages,
  percentile_disc(0.5) within group (order by minutes) as median,
  percentile_disc(0.9) within group (order by minutes) as "90 %",
  max(minutes) as longest
from (
  select class, extract(epoch from t1 - t0)::float8 / 60 as minutes
  from rpt_shortage
  where t1 < least($__timeTo()::timestamptz, (select as_of from rpt_rollup))
    and t1 > $__timeFrom()
    and t1 - t0 >= interval '1 minute'
    and ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
) ended
group by class
order by median desc, class
