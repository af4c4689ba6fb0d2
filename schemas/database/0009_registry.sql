-- How often the registry was changed, by whomever: a Spor that runs sees that a command beside it has
-- changed it. Written in the transaction of the change, so that who sees it sees the change too.
create table registry_version (
    version int8 not null
);
insert into registry_version values (0);

create function note_registry() returns trigger language plpgsql as $$
begin
    update registry_version set version = version + 1;
    return null;
end
$$;
create trigger note_registry after insert or update or delete or truncate on asset
    for each statement execute function note_registry();
create trigger note_registry after insert or update or delete or truncate on person
    for each statement execute function note_registry();
create trigger note_registry after insert or update or delete or truncate on tag_binding
    for each statement execute function note_registry();
