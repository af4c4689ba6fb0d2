-- Question: How fast does somebody answer an alert, and how long does its cause last?
-- Formula: alerts that were opened in the chosen time, by kind. Acknowledged and resolved: from opening, half of those that were (median), and nine of ten. By themselves: those whose cause ended without a hand / all resolved ones. What is still open is in no length of time. Those of no ward or class count whatever is chosen.
-- Delay: seconds.
select
  kind,
  count(*) as alerts,
  count(*) filter (where state = 'open') as open,
  percentile_disc(0.5) within group (order by to_acknowledge) as "acknowledged, median",
  percentile_disc(0.9) within group (order by to_acknowledge) as "acknowledged, 90 %",
  percentile_disc(0.5) within group (order by to_resolve) as "resolved, median",
  percentile_disc(0.9) within group (order by to_resolve) as "resolved, 90 %",
  count(*) filter (where by_itself)::float8 / nullif(count(to_resolve), 0) as "by themselves"
from (
  select
    *,
    extract(epoch from acknowledged_at - opened_at)::float8 / 60 as to_acknowledge,
    extract(epoch from resolved_at - opened_at)::float8 / 60 as to_resolve
  from rpt_alert
  where opened_at >= $__timeFrom()
    and opened_at < $__timeTo()
    and (ward is null or ward in (${ward:sqlstring}))
    and (class is null or class in (${class:sqlstring}))
) opened
group by kind
order by alerts desc, kind
