-- The tables of Supabase Storage, in its shape. Runs at every start of the server, as supabase_storage_admin, under an
-- advisory lock; every statement may run again.

do $$
begin
    create type storage.buckettype as enum ('STANDARD', 'ANALYTICS', 'VECTOR');
exception
    when duplicate_object then null;
end
$$;

create table if not exists storage.buckets (
    id text primary key,
    name text not null,
    -- Superseded by owner_id, which also holds a subject that is no uuid.
    owner uuid,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    public boolean default false,
    avif_autodetection boolean default false,
    -- Bytes; null is the server's own limit.
    file_size_limit bigint,
    allowed_mime_types text[],
    owner_id text,
    type storage.buckettype not null default 'STANDARD'
);
create unique index if not exists bname on storage.buckets (name);

create table if not exists storage.objects (
    id uuid primary key default gen_random_uuid(),
    bucket_id text references storage.buckets (id),
    name text collate "C",
    owner uuid,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    last_accessed_at timestamptz default now(),
    metadata jsonb,
    path_tokens text[] generated always as (string_to_array(name, '/')) stored,
    -- Name of the file on the volume; every upload has its own.
    version text,
    owner_id text,
    user_metadata jsonb
);
create unique index if not exists bucketid_objname on storage.objects (bucket_id, name);
create index if not exists objects_version on storage.objects (version);
create index if not exists objects_lower_name on storage.objects (bucket_id, lower(name) text_pattern_ops);

-- Files that no object names any more, until they are gone from the volume. Written by a trigger, so in the very
-- transaction that replaced or removed the object, whoever did that: the server never has to guess what to delete.
create table if not exists storage.discarded_versions (
    version text primary key,
    discarded_at timestamptz not null default now()
);

-- Default deny: without a policy of the user's own, anon and authenticated see and change nothing.
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
alter table storage.discarded_versions enable row level security;
grant usage on schema storage to anon, authenticated, service_role;
grant select, insert, update, delete on storage.buckets, storage.objects to anon, authenticated, service_role;

create or replace function storage.update_updated_at_column() returns trigger
language plpgsql
as $$
begin
    new.updated_at := now();
    return new;
end
$$;
create or replace trigger update_objects_updated_at before update on storage.objects
    for each row execute function storage.update_updated_at_column();
create or replace trigger update_buckets_updated_at before update on storage.buckets
    for each row execute function storage.update_updated_at_column();

create or replace function storage.discard_version() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if old.version is not null and (tg_op = 'DELETE' or new.version is distinct from old.version) then
        insert into storage.discarded_versions (version) values (old.version) on conflict do nothing;
    end if;
    return null;
end
$$;
create or replace trigger discard_version after update or delete on storage.objects
    for each row execute function storage.discard_version();
