-- What running the rules over the past again leaves besides other statuses.

-- What is another of the present by it, which a running Spor takes out and puts into its journal, and
-- a stopped one when it starts.
create table present_change (
    key    int8 generated always as identity primary key,
    change jsonb not null
);

-- When that was done, for which time, and by which rules (null: those of then).
create table recomputation (
    at      timestamptz not null default now(),
    from_at timestamptz not null,
    to_at   timestamptz not null,
    rules   text,
    assets  int4 not null
);
