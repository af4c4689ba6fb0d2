-- Question: How long from claiming a thing to having it at work?
-- Formula: from the claim to the first moment in which rules, or somebody, say that it is at work; of the claims that ended in the chosen time. Not fetched: given back, or not at work within the claim's ten minutes.
-- Delay: seconds.
select
  class,
  count(*) as claims,
  (count(*) filter (where outcome = 'fetched'))::float8 / count(*) as fetched,
  percentile_cont(0.5) within group (order by minutes) filter (where outcome = 'fetched') as median,
  percentile_cont(0.9) within group (order by minutes) filter (where outcome = 'fetched') as "90 %"
from (
  select class, outcome, extract(epoch from t1 - t0)::float8 / 60 as minutes
  from rpt_claim
  where t1 > $__timeFrom()
    and t1 < $__timeTo()
    and outcome <> 'holds'
    and home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
) ended
group by class
order by claims desc, class
