-- Question: Are a few turnarounds very long, or all of them?
-- Formula: number of turnarounds by their length.
-- Delay: a minute.
select
  (array['under 15 min', '15-30 min', '30-60 min', '1-2 h', '2-4 h', '4-8 h', '8-24 h', 'over a day'])[band] as length,
  sum(episodes) as turnarounds
from (
  select 1 + (mean_s >= 900)::int + (mean_s >= 1800)::int + (mean_s >= 3600)::int + (mean_s >= 7200)::int
      + (mean_s >= 14400)::int + (mean_s >= 28800)::int + (mean_s >= 86400)::int as band,
    episodes
  from (
    select seconds / episodes as mean_s, episodes
    from rpt_turnarounds($__timeFrom()::timestamptz, $__timeTo()::timestamptz, array[${ward:sqlstring}], array[${class:sqlstring}])
  ) turnaround
) banded
group by band
order by band
