-- Question: What waits for somebody?
-- Formula: alerts that are not resolved, by kind: those that nobody has acknowledged yet, those that somebody has, how many of both were critical at their gravest, and since when the oldest lasts. Those of no ward or class, as readers are, count whatever is chosen. Shows now, whatever the time picker says.
-- Delay: seconds.
select
  kind,
  count(*) filter (where state = 'open') as open,
  count(*) filter (where state = 'acknowledged') as acknowledged,
  count(*) filter (where severity = 'critical') as critical,
  min(opened_at) as oldest
from rpt_alert
where state <> 'resolved'
  and (ward is null or ward in (${ward:sqlstring}))
  and (class is null or class in (${class:sqlstring}))
group by kind
order by open desc, kind
