-- Question: Does anything pile up before cleaning?
-- Formula: mean number of assets that were dirty, and in cleaning, in each step.
-- Delay: a minute; the last step is not over yet.
with hourly as (
  select
    c.hour,
    sum(c.dirty_s) / max(h.seconds) as dirty,
    sum(c.cleaning_s) / max(h.seconds) as cleaning
  from rpt_class_hour c
  cross join (select as_of from rpt_rollup) r
  cross join lateral (
    select greatest(extract(epoch from least(c.hour + interval '1 hour', r.as_of) - c.hour), 1)::float8 as seconds
  ) h
  where c.hour >= date_trunc('hour', $__timeFrom()::timestamptz)
    and c.hour < $__timeTo()
    and c.home_ward in (${ward:sqlstring})
    and c.class in (${class:sqlstring})
  group by c.hour
)
select date_bin($__interval_ms * interval '1 millisecond', hour, 'epoch') as "time", 'dirty' as metric, avg(dirty) as value
from hourly
group by 1
union all
select date_bin($__interval_ms * interval '1 millisecond', hour, 'epoch'), 'in cleaning', avg(cleaning)
from hourly
group by 1
order by 1, 2
