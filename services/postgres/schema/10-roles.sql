-- The roles of a Supabase-compatible database, without their passwords (those are set by the entrypoint).
-- Runs at every start, as the superuser `postgres`; every statement may run again.

do $roles$
declare
    wanted record;
begin
    for wanted in
        select *
        from (values
            -- The roles that a JWT names. Nobody logs in as one of them.
            ('anon', 'nologin noinherit nobypassrls'),
            ('authenticated', 'nologin noinherit nobypassrls'),
            ('service_role', 'nologin noinherit bypassrls'),
            -- The logins of the services. `authenticator` is nothing until it has switched to one of the three above.
            ('authenticator', 'login noinherit nobypassrls'),
            ('supabase_storage_admin', 'login noinherit nobypassrls'),
            ('worker', 'login noinherit nobypassrls')
        ) as roles(name, attributes)
    loop
        if not exists (select from pg_roles where rolname = wanted.name) then
            execute format('create role %I', wanted.name);
        end if;
        execute format(
            'alter role %I nosuperuser nocreatedb nocreaterole noreplication %s', wanted.name, wanted.attributes
        );
    end loop;
end
$roles$;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to supabase_storage_admin;

revoke all on database postgres from public;
grant connect, temporary on database postgres to authenticator, supabase_storage_admin, worker;
-- The storage server makes its own tables: it may create in its schema, and its schema only.
revoke all on schema public from public;

-- A session that was forgotten in a transaction must not hold locks for ever.
alter role authenticator set idle_in_transaction_session_timeout = '60s';
alter role authenticator set statement_timeout = '30s';
alter role worker set idle_in_transaction_session_timeout = '60s';
