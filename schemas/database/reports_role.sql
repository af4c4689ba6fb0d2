-- The role that may read the views rpt_* and nothing else. Applied after the migrations at every
-- start, so that views of later migrations, and a database that was restored, are granted too.
--
-- Made without login: Spor gives it one, and its password, when Grafana is asked for.
-- Where the database's owner may not make roles, the administrator makes this one and grants it the
-- same; Spor goes on without.
do $$
begin
    if not exists (select from pg_roles where rolname = 'spor_grafana') then
        create role spor_grafana nologin;
    end if;
    if not exists (
        select from pg_roles
        where rolname = 'spor_grafana'
          and rolconfig @> array['statement_timeout=15s', 'default_transaction_read_only=on']
    ) then
        alter role spor_grafana set statement_timeout = '15s';
        alter role spor_grafana set default_transaction_read_only = on;
    end if;
exception
    when insufficient_privilege then
        raise warning 'the role spor_grafana was not made or set up: %', sqlerrm;
    when duplicate_object or unique_violation then
        null; -- another database of the same server made it at the same moment
end
$$;

do $$
declare
    report text;
begin
    if not exists (select from pg_roles where rolname = 'spor_grafana') then
        return;
    end if;
    for report in
        select viewname from pg_views where schemaname = current_schema() and viewname like 'rpt\_%'
    loop
        execute format('grant select on %I to spor_grafana', report);
    end loop;
    execute format('grant usage on schema %I to spor_grafana', current_schema());
end
$$;
