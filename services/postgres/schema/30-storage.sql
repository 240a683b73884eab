-- Schema storage: only its owner. The storage server makes the tables in it at its own start.

create schema if not exists storage authorization supabase_storage_admin;
alter schema storage owner to supabase_storage_admin;
grant usage on schema storage to anon, authenticated, service_role;
