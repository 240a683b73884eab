-- Schema app: the documents of the insurance navigator, what is to be done with them, and what came out.
--
-- documents  one row per document; its bytes are in the storage bucket at `storage_path`
-- jobs       one row per document; made by a trigger in the transaction that inserts the document, so that a document
--            that was acknowledged is always a document that will be worked on. Redis only wakes the worker up.
-- chunks     the text of a processed document, in order
--
-- Who may what: `service_role` passes row-level security; `authenticated` sees, adds and deletes its own documents and
-- reads their chunks; `worker` works on all; `anon` may nothing.
--
-- Taking a job (one statement, several workers at once):
--     update app.jobs set state = 'running', attempts = attempts + 1, lease_owner = $1, lease_until = now() + $2
--     where document_id = (
--         select document_id from app.jobs
--         where (state = 'queued' and available_at <= now()) or (state = 'running' and lease_until < now())
--         order by available_at limit 1 for update skip locked
--     ) returning document_id, attempts;

create schema if not exists app authorization postgres;
grant usage on schema app to anon, authenticated, service_role, worker;

create table if not exists app.documents (
    id uuid primary key default gen_random_uuid(),
    -- The user (JWT `sub`); null for documents that a service posted.
    owner uuid,
    name text not null check (length(name) between 1 and 255),
    content_type text not null,
    -- Bytes.
    size bigint not null check (size >= 0),
    -- Name of the object in the bucket.
    storage_path text not null unique,
    status text not null default 'queued' check (status in ('queued', 'processing', 'processed', 'failed')),
    -- Why it failed, in words for the person who posted it.
    reason text,
    -- A second post with the same key by the same owner is the same document.
    idempotency_key text check (length(idempotency_key) between 1 and 255),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    processed_at timestamptz
);

-- on conflict (owner, idempotency_key) where idempotency_key is not null
create unique index if not exists documents_idempotency_key
    on app.documents (owner, idempotency_key) nulls not distinct where idempotency_key is not null;
create index if not exists documents_by_owner on app.documents (owner, created_at desc, id);
create index if not exists documents_by_time on app.documents (created_at desc, id);

create table if not exists app.jobs (
    document_id uuid primary key references app.documents (id) on delete cascade,
    state text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed')),
    -- How often it was taken; a job that is given back on a graceful stop takes one off again.
    attempts integer not null default 0 check (attempts >= 0),
    -- Who works on it and until when that holds; a job whose lease ran out is anybody's.
    lease_owner text,
    lease_until timestamptz,
    last_error text,
    -- Not before this time (backoff after a failure).
    available_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint jobs_lease check ((state = 'running') = (lease_owner is not null and lease_until is not null))
);

create index if not exists jobs_queued on app.jobs (available_at) where state = 'queued';
create index if not exists jobs_running on app.jobs (lease_until) where state = 'running';

create table if not exists app.chunks (
    document_id uuid not null references app.documents (id) on delete cascade,
    index integer not null check (index >= 0),
    content text not null,
    created_at timestamptz not null default now(),
    primary key (document_id, index)
);

create or replace function app.touch() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := now();
    return new;
end
$$;

create or replace trigger documents_touch before update on app.documents for each row execute function app.touch();
create or replace trigger jobs_touch before update on app.jobs for each row execute function app.touch();

-- Runs as its owner, so that nobody needs the right to write jobs to post a document.
create or replace function app.enqueue() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    insert into app.jobs (document_id) values (new.id) on conflict (document_id) do nothing;
    return null;
end
$$;
revoke all on function app.enqueue() from public;

create or replace trigger documents_enqueue after insert on app.documents
    for each row when (new.status = 'queued') execute function app.enqueue();

-- Default deny: no policy, no row.
alter table app.documents enable row level security;
alter table app.jobs enable row level security;
alter table app.chunks enable row level security;

drop policy if exists documents_own_select on app.documents;
create policy documents_own_select on app.documents for select to authenticated using (owner = (select auth.uid()));
drop policy if exists documents_own_insert on app.documents;
create policy documents_own_insert on app.documents for insert to authenticated
    with check (owner = (select auth.uid()) and status = 'queued');
drop policy if exists documents_own_delete on app.documents;
create policy documents_own_delete on app.documents for delete to authenticated using (owner = (select auth.uid()));
drop policy if exists documents_worker on app.documents;
create policy documents_worker on app.documents to worker using (true) with check (true);

drop policy if exists jobs_worker on app.jobs;
create policy jobs_worker on app.jobs to worker using (true) with check (true);

drop policy if exists chunks_own_select on app.chunks;
create policy chunks_own_select on app.chunks for select to authenticated
    using (exists (select from app.documents d where d.id = document_id and d.owner = (select auth.uid())));
drop policy if exists chunks_worker on app.chunks;
create policy chunks_worker on app.chunks to worker using (true) with check (true);

grant select, insert, update, delete on app.documents, app.jobs, app.chunks to service_role;
grant select, insert, delete on app.documents to authenticated;
grant select on app.chunks to authenticated;
grant select, update on app.documents to worker;
grant select, update on app.jobs to worker;
grant select, insert, update, delete on app.chunks to worker;
