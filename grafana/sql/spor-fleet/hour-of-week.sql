-- Question: At which hours of the week do we run short?
-- Formula: time in use / (time - unknown time) of the class by weekday and hour in local time ($tz), the mean of the last four weeks, drawn as one week that ends now. This panel does not follow the time picker.
-- Delay: seconds.
with clipped as (
  select
    class,
    status,
    greatest(t0, $__timeTo()::timestamptz - interval '28 days') as t0,
    least(t1, $__timeTo()) as t1
  from rpt_status_interval
  where t0 < $__timeTo()
    and ends_at > $__timeTo()::timestamptz - interval '28 days'
    and t1 > $__timeTo()::timestamptz - interval '28 days'
    and status <> 'unknown'
    and home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
),
hourly as (
  select
    h.hour,
    c.class,
    sum(extract(epoch from least(c.t1, h.hour + interval '1 hour') - greatest(c.t0, h.hour)))
      filter (where c.status = 'in_use')::float8 as in_use_s,
    sum(extract(epoch from least(c.t1, h.hour + interval '1 hour') - greatest(c.t0, h.hour)))::float8
      as known_s
  from clipped c
  cross join lateral generate_series(
    date_trunc('hour', c.t0), c.t1 - interval '1 us', interval '1 hour'
  ) as h(hour)
  group by h.hour, c.class
),
cell as (
  select
    extract(isodow from hour at time zone '$tz') as weekday,
    extract(hour from hour at time zone '$tz') as hour_of_day,
    class,
    coalesce(sum(in_use_s), 0) / sum(known_s) as share
  from hourly
  group by 1, 2, 3
  having sum(known_s) > 0
)
select
  w.hour as "time",
  c.class as metric,
  c.share as value
from generate_series(
  date_trunc('hour', $__timeTo()::timestamptz) - interval '167 hours',
  date_trunc('hour', $__timeTo()::timestamptz),
  interval '1 hour'
) as w(hour)
join cell c
  on c.weekday = extract(isodow from w.hour at time zone '$tz')
  and c.hour_of_day = extract(hour from w.hour at time zone '$tz')
order by 1, 2
