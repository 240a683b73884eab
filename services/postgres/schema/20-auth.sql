-- Schema auth: who is asking. A service that has checked a JWT sets, inside its transaction,
--     set local role authenticated;
--     select set_config('request.jwt.claims', '{"sub": "…", "role": "authenticated"}', true);
-- and policies then read the claims through these functions, which have Supabase's names.

create schema if not exists auth authorization postgres;
grant usage on schema auth to anon, authenticated, service_role, authenticator, supabase_storage_admin, worker;

create or replace function auth.jwt() returns jsonb
language sql stable
set search_path = ''
as $$
    select nullif(current_setting('request.jwt.claims', true), '')::jsonb
$$;

create or replace function auth.uid() returns uuid
language sql stable
set search_path = ''
as $$
    select nullif(auth.jwt() ->> 'sub', '')::uuid
$$;

create or replace function auth.role() returns text
language sql stable
set search_path = ''
as $$
    select auth.jwt() ->> 'role'
$$;

create or replace function auth.email() returns text
language sql stable
set search_path = ''
as $$
    select auth.jwt() ->> 'email'
$$;
