-- With TimescaleDB `position` is a hypertable with one chunk a day; chunks past the retention are
-- dropped by storage's hourly maintenance. Follows 0001_initial.sql in the same transaction.

drop table position;
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
);
select create_hypertable('position', 'time', chunk_time_interval => interval '1 day', create_default_indexes => false);
create index position_tag_time on position (tag, "time" desc);
create index position_time on position ("time" desc);

-- The Apache edition has no compression.
do $$
begin
    if current_setting('timescaledb.license', true) is distinct from 'apache' then
        alter table position set (
            timescaledb.compress,
            timescaledb.compress_segmentby = 'tag',
            timescaledb.compress_orderby = '"time" desc'
        );
        perform add_compression_policy('position', interval '7 days');
    end if;
end
$$;
