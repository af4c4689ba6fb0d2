-- What people say of things by hand, and what rules say meanwhile: with both, what is shown
-- (`asset_status`) can be laid anew when the past changes.

-- A claim (no reason) or a status by hand, from when until when it was to hold. A claim ends earlier
-- in `asset_status` when the thing was fetched. `by_whom` is the name of a token, and in no view.
create table by_hand (
    asset    text not null references asset (id),
    from_at  timestamptz not null,
    until_at timestamptz not null,
    status   text not null,
    by_whom  text not null,
    reason   text,
    check (until_at >= from_at),
    primary key (asset, from_at)
);
create index by_hand_until on by_hand (until_at);

-- The beginnings of what rules said of an asset that `asset_status` doesn't show.
create table status_beneath (
    asset   text not null references asset (id),
    from_at timestamptz not null,
    status  text not null,
    basis   text not null,
    rule    text not null,
    zone    int4 references zone (key),
    primary key (asset, from_at)
);

-- The rules from which statuses follow, as text, from the moment on from which they were in force.
create table status_rules (
    from_at timestamptz primary key,
    version text not null,
    text    text not null
);
