-- Question: At which hours of the week do we run short?
-- Formula: time in use / (time - unknown time) of the class by weekday and hour in local time ($tz), the mean of the last four weeks, drawn as one week that ends now. This panel does not follow the time picker.
-- Delay: a minute.
with cell as (
  select
    extract(isodow from hour at time zone '$tz') as weekday,
    extract(hour from hour at time zone '$tz') as hour_of_day,
    class,
    sum(in_use_s) / sum(known_s) as share
  from rpt_class_hour
  where hour >= date_trunc('hour', $__timeTo()::timestamptz) - interval '28 days'
    and hour < $__timeTo()
    and home_ward in (${ward:sqlstring})
    and class in (${class:sqlstring})
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
