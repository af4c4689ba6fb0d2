-- Question: At which hours of the week are how many there?
-- Formula: the largest group of the role, rounded down to five, by weekday and hour in local time ($tz), the mean of the last four weeks, drawn as one week that ends now. This panel does not follow the time picker.
-- Delay: a day.
with cell as (
  select
    extract(isodow from quarter at time zone '$tz') as weekday,
    extract(hour from quarter at time zone '$tz') as hour_of_day,
    role,
    avg(persons_at_least)::float8 as persons
  from rpt_presence_15m
  where quarter >= $__timeTo()::timestamptz - interval '28 days'
    and quarter < $__timeTo()
    and role in (${role:sqlstring})
  group by 1, 2, 3
  having count(persons_at_least) > 0
)
select w.hour as "time", c.role as metric, c.persons as value
from generate_series(
  date_trunc('hour', $__timeTo()::timestamptz) - interval '167 hours',
  date_trunc('hour', $__timeTo()::timestamptz),
  interval '1 hour'
) as w(hour)
join cell c
  on c.weekday = extract(isodow from w.hour at time zone '$tz')
  and c.hour_of_day = extract(hour from w.hour at time zone '$tz')
order by 1, 2
