-- Question: What is missing, and how much of it?
-- Formula: available and present assets of the class in the ward's rooms, against the PAR level. Shows now, whatever the time picker says.
-- Delay: seconds.
select ward, class, target, critical, available, present, greatest(target - available, 0) as missing
from rpt_par_now
where ward in (${ward:sqlstring})
  and class in (${class:sqlstring})
order by missing desc, ward, class
