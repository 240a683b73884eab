-- Functions for policies, and the listing of a folder. Names and arguments are Supabase's.

create or replace function storage.foldername(name text) returns text[]
language sql immutable
as $$
    select (string_to_array(name, '/'))[1 : array_length(string_to_array(name, '/'), 1) - 1]
$$;

create or replace function storage.filename(name text) returns text
language sql immutable
as $$
    select (string_to_array(name, '/'))[array_length(string_to_array(name, '/'), 1)]
$$;

create or replace function storage.extension(name text) returns text
language sql immutable
as $$
    select reverse(split_part(reverse(storage.filename(name)), '.', 1))
$$;

-- What stands in one folder: first its folders, by name, with nothing but a name; then its objects, in the order that
-- was asked for. `prefix` is the folder with a slash at its end (or empty), `levels` the depth of what is listed in it,
-- `search` the beginning of the names that count. Upper and lower case are the same.
create or replace function storage.search(
    prefix text,
    bucketname text,
    limits integer default 100,
    levels integer default 1,
    offsets integer default 0,
    search text default '',
    sortcolumn text default 'name',
    sortorder text default 'asc'
) returns table (
    name text,
    id uuid,
    updated_at timestamptz,
    created_at timestamptz,
    last_accessed_at timestamptz,
    metadata jsonb
)
language plpgsql stable
as $$
declare
    direction text := case when lower(sortorder) = 'desc' then 'desc' else 'asc' end;
    sort_key text := case
        when sortcolumn in ('name', 'updated_at', 'created_at', 'last_accessed_at') then sortcolumn
        else 'name'
    end;
    pattern text := replace(replace(replace(lower(prefix || search), '\', '\\'), '%', '\%'), '_', '\_') || '%';
begin
    return query execute format($query$
        with found as (
            select o.path_tokens[$1] as item, cardinality(o.path_tokens) > $1 as folder,
                o.id, o.updated_at, o.created_at, o.last_accessed_at, o.metadata
            from storage.objects o
            where o.bucket_id = $2 and lower(o.name) like $3
        ), items as (
            (select distinct on (item) 0 as part, item, null::uuid as id, null::timestamptz as updated_at,
                null::timestamptz as created_at, null::timestamptz as last_accessed_at, null::jsonb as metadata
            from found where folder)
            union all
            (select 1, item, found.id, found.updated_at, found.created_at, found.last_accessed_at, found.metadata
            from found where not folder)
        )
        select item as name, items.id, items.updated_at, items.created_at, items.last_accessed_at, items.metadata
        from items
        order by part, case when part = 0 then item collate "C" end %2$s, %1$s %2$s, item collate "C" %2$s
        limit $4 offset $5
    $query$, case when sort_key = 'name' then 'item collate "C"' else 'items.' || sort_key end, direction)
    using levels, bucketname, pattern, limits, offsets;
end
$$;
