-- The tables of Spor. Times are UTC; a tag is an int4 key with its external name beside it.

create table tag (
    id          int4 generated always as identity primary key,
    name        text not null unique,
    battery_pct int2,
    firmware    text,
    reported_at timestamptz
);

create table asset (
    id         text primary key,
    label      text not null,
    class      text not null,
    home_ward  text,
    created_at timestamptz not null default now(),
    retired_at timestamptz
);

-- A pseudonym and a role; a name has no place here.
create table person (
    id         text primary key,
    role       text not null,
    created_at timestamptz not null default now()
);

create table tag_binding (
    tag        int4 not null references tag (id),
    asset      text references asset (id),
    person     text references person (id) on delete cascade,
    bound_at   timestamptz not null,
    unbound_at timestamptz,
    check ((asset is null) <> (person is null)),
    check (unbound_at is null or unbound_at >= bound_at),
    primary key (tag, bound_at)
);
create unique index tag_binding_open_tag on tag_binding (tag) where unbound_at is null;
create unique index tag_binding_open_asset on tag_binding (asset) where unbound_at is null and asset is not null;
create unique index tag_binding_open_person on tag_binding (person) where unbound_at is null and person is not null;
create index tag_binding_asset on tag_binding (asset, bound_at);

-- Rooms and zones of every version of the site file that anything was decided under.
create table zone (
    key          int4 generated always as identity primary key,
    id           text not null,
    site_version text not null,
    floor        int2 not null,
    floor_label  text not null,
    is_room      boolean not null,
    kind         text not null,
    name         text not null,
    ward         text,
    unique (id, site_version)
);

create table reader (
    id         text primary key,
    floor      int2 not null,
    zone       text,
    portal     boolean not null,
    online     boolean,
    changed_at timestamptz
);

-- A fix, and until when the tag stayed within its accuracy. Partitioned by UTC day on plain
-- PostgreSQL, a hypertable with TimescaleDB; storage makes and drops the parts.
create table position (
    "time"     timestamptz not null,
    until      timestamptz not null,
    tag        int4 not null,
    seq        int8,
    x_m        float4 not null,
    y_m        float4 not null,
    floor      int2 not null,
    accuracy_m float4 not null,
    zone       int4
) partition by range ("time");
create index position_tag_time on position (tag, "time" desc);
create index position_time on position using brin ("time");
create table position_default partition of position default;

create table visit (
    tag        int4 not null,
    zone       int4 not null references zone (key),
    entered_at timestamptz not null,
    left_at    timestamptz,
    check (left_at is null or left_at >= entered_at),
    primary key (tag, entered_at)
);
create unique index visit_open on visit (tag) where left_at is null;
create index visit_zone on visit (zone, entered_at);
create index visit_left on visit (left_at);

create table asset_status (
    asset      text not null references asset (id),
    status     text not null,
    from_at    timestamptz not null,
    to_at      timestamptz,
    basis      text not null,
    rule       text not null,
    zone       int4 references zone (key),
    check (to_at is null or to_at >= from_at),
    primary key (asset, from_at)
);
create unique index asset_status_open on asset_status (asset) where to_at is null;
create index asset_status_time on asset_status (from_at, to_at);

create table event (
    seq     int8 generated always as identity primary key,
    id      text not null unique,
    kind    text not null,
    "time"  timestamptz not null,
    tag     int4 not null references tag (id),
    asset   text,
    zone    text,
    message jsonb not null
);
create index event_time on event ("time");
create index event_tag on event (tag, "time");
create index event_asset on event (asset, "time") where asset is not null;

-- How many of a role were in a room within a quarter of an hour: all that is kept of people's places.
create table presence (
    role    text not null,
    zone    int4 not null references zone (key),
    quarter timestamptz not null,
    persons int4 not null,
    primary key (quarter, role, zone)
);

-- Every look-up of a person's place: who asked, what for. Appended only.
create table person_lookup (
    at      timestamptz not null default now(),
    actor   text not null,
    purpose text not null,
    filter  text not null,
    found   int4 not null
);

-- One row, written in the transaction of every batch: which journal the rows come from, and up to
-- which of its records they are stored; without a journal, how many batches were.
create table journal_cursor (
    only_one boolean primary key default true check (only_one),
    journal  uuid,
    sequence int8 not null default 0,
    at       timestamptz not null default now()
);
insert into journal_cursor default values;
