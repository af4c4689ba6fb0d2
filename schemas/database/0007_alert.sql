-- Alerts: what a person must act on. Opened, acknowledged by somebody, resolved when the cause ends
-- or by hand. None is about a person, and none names a tag, which a person may wear later.
create table alert (
    id              text primary key,
    kind            text not null,
    -- An asset, a reader, or class/ward.
    subject         text not null,
    -- The gravest that it was.
    severity        text not null check (severity in ('low', 'critical')),
    ward            text,
    class           text,
    asset           text references asset (id),
    reader          text,
    zone            text,
    floor           int2,
    reason          text not null,
    opened_at       timestamptz not null,
    acknowledged_at timestamptz,
    -- Names of tokens, which may stand for persons: in no view and in no message.
    acknowledged_by text,
    resolved_at     timestamptz,
    resolved_by     text,
    -- When its cause ended: after one that was resolved by hand there is no new one before that.
    ended_at        timestamptz,
    check (ended_at is null or resolved_at is not null)
);
-- One alert for each cause while it lasts, and so one at most that is not resolved.
create unique index alert_lasting on alert (kind, subject) where ended_at is null;
create index alert_opened on alert (opened_at, id);
create index alert_unresolved on alert (opened_at, id) where resolved_at is null;
create index alert_ended on alert (ended_at) where ended_at is not null;

-- Changes of alerts that are to be told, in the order in which they happened.
create table alert_notice (
    seq      int8 generated always as identity primary key,
    alert    text not null references alert (id) on delete cascade,
    message  jsonb not null,
    at       timestamptz not null,
    -- Not told before: the end of quiet hours.
    due_at   timestamptz not null,
    -- When it was published; null: not yet.
    told_at  timestamptz,
    -- When the webhook is tried next; null: there is nothing to send.
    try_at   timestamptz,
    attempts int4 not null default 0,
    -- When the webhook took it; null: it has not, or there was none.
    taken_at timestamptz
);
create index alert_notice_alert on alert_notice (alert, seq);
create index alert_notice_untold on alert_notice (due_at) where told_at is null;
create index alert_notice_waiting on alert_notice (seq) where try_at is not null;

-- When a reader was last heard, to a minute or so; null: not since this is kept.
alter table reader add column heard_at timestamptz;

-- Whether a tag is in a zone that is no room, as its last crossing says. Of what a person wears there
-- is none. The kind of such a zone is `zone`, or `exit` for a way out of the building.
create table fence_now (
    tag    int4 not null references tag (id),
    zone   text not null,
    inside boolean not null,
    at     timestamptz not null,
    primary key (tag, zone)
);
create index fence_now_inside on fence_now (zone) where inside;
insert into fence_now (tag, zone, inside, at)
select distinct on (tag, zone) tag, zone, message ->> 'change' = 'entered', "time"
from event
where kind = 'fence' and zone is not null
order by tag, zone, "time" desc, seq desc;

create function follow_fences() returns trigger language plpgsql as $$
begin
    insert into fence_now (tag, zone, inside, at)
    select distinct on (tag, zone) tag, zone, message ->> 'change' = 'entered', "time"
    from new_rows
    where kind = 'fence' and zone is not null
    order by tag, zone, "time" desc, seq desc
    on conflict (tag, zone) do update set inside = excluded.inside, at = excluded.at
        where fence_now.at <= excluded.at;
    return null;
end
$$;
create trigger follow_fences after insert on event
    referencing new table as new_rows for each statement execute function follow_fences();

-- Alerts, what they are about, and how long they took.
create view rpt_alert as
select id                                                as alert,
       kind,
       subject,
       severity,
       case when resolved_at is not null then 'resolved'
            when acknowledged_at is not null then 'acknowledged'
            else 'open' end                              as state,
       ward,
       class,
       asset,
       reader,
       zone,
       floor,
       reason,
       opened_at,
       acknowledged_at,
       resolved_at,
       resolved_at is not null and resolved_by is null   as by_itself
from alert;
