-- Question: Is the ward short now?
-- Formula: available assets of the class in the ward's rooms, whoever owns them / the PAR level, in percent; the 24 that are shortest. Shows now, whatever the time picker says.
-- Delay: seconds.
select class || ' in ' || ward as place, 100.0::float8 * available / target as "on hand"
from rpt_par_now
where target > 0
  and ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
order by 2, 1
limit 24
