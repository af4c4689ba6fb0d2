-- What a late fix needs to amend the past, and a look that shows whether it kept the past in order.

-- How a fix came about, without which it can't be decided again: `moving` while the tag felt motion,
-- null when it didn't say; `portal` when the place is a reader's room, true at a passage, null when
-- the tag or an engine said the place.
alter table position add column moving boolean;
alter table position add column portal boolean;

-- A tag is in one room at a time, and an asset does one thing: whatever stands here is a fault.
create view overlap as
select 'visit' as what, t.name as subject, v.entered_at as began, v.left_at as ended, v.next_at
from (
    select tag, entered_at, left_at,
           lead(entered_at) over (partition by tag order by entered_at) as next_at
    from visit
) v
join tag t on t.id = v.tag
where v.next_at < coalesce(v.left_at, 'infinity'::timestamptz)
union all
select 'asset_status', s.asset, s.from_at, s.to_at, s.next_at
from (
    select asset, from_at, to_at,
           lead(from_at) over (partition by asset order by from_at) as next_at
    from asset_status
) s
where s.next_at < coalesce(s.to_at, 'infinity'::timestamptz);
