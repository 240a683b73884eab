/** What a Postgres database is made of, row by row: everything but the data in it. */
import type { Client } from "pg";
import type { PostgresLogin } from "../../engine/postgres.ts";
import { withPostgres } from "../../engine/postgres.ts";
import type { PublishedAddress } from "../../engine/published.ts";

/** Longest time for one query, in milliseconds. */
const timeoutMs = 10_000;

/** Schemas that are the engine's own, and those of sessions. */
const own = "n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'";

/** Each gives rows of `name` and `value`; names are unique within a query. */
const queries: Readonly<Record<string, string>> = {
    database: `select datname as name, concat_ws(' ', pg_encoding_to_char(encoding), datcollate, datctype, datacl::text) as value
        from pg_database where datname = current_database()`,
    extension: `select extname as name, concat_ws(' in ', extversion, n.nspname) as value
        from pg_extension e join pg_namespace n on n.oid = e.extnamespace`,
    role: `select rolname as name, concat_ws(' ',
            case when rolsuper then 'superuser' end, case when rolinherit then 'inherit' end,
            case when rolcreaterole then 'createrole' end, case when rolcreatedb then 'createdb' end,
            case when rolcanlogin then 'login' end, case when rolreplication then 'replication' end,
            case when rolbypassrls then 'bypassrls' end, 'connections ' || rolconnlimit,
            'member of ' || (select string_agg(g.rolname, ',' order by g.rolname)
                from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid),
            array_to_string(rolconfig, ',')) as value
        from pg_roles r where rolname !~ '^pg_'`,
    schema: `select n.nspname as name, concat_ws(' ', pg_get_userbyid(nspowner), nspacl::text) as value
        from pg_namespace n where ${own}`,
    table: `select n.nspname || '.' || c.relname as name, concat_ws(' ', c.relkind, pg_get_userbyid(c.relowner),
            case when c.relrowsecurity then 'row security' end, case when c.relforcerowsecurity then 'forced' end,
            array_to_string(c.reloptions, ','), c.relacl::text,
            case when c.relkind in ('v', 'm') then md5(pg_get_viewdef(c.oid)) end) as value
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and ${own}`,
    column: `select n.nspname || '.' || c.relname || '.' || a.attname as name, concat_ws(' ',
            format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
            pg_get_expr(d.adbin, d.adrelid), nullif(a.attidentity::text, ''), nullif(a.attgenerated::text, ''),
            a.attacl::text) as value
        from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f') and ${own}`,
    constraint: `select n.nspname || '.' || c.relname || '.' || k.conname as name, pg_get_constraintdef(k.oid) as value
        from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
        where ${own}`,
    index: `select n.nspname || '.' || c.relname as name, pg_get_indexdef(c.oid) as value
        from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('i', 'I') and ${own}`,
    function: `select n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as name,
            concat_ws(' ', pg_get_userbyid(p.proowner), p.proacl::text,
                case when p.prokind in ('f', 'p') then md5(pg_get_functiondef(p.oid)) end) as value
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${own}`,
    trigger: `select n.nspname || '.' || c.relname || '.' || t.tgname as name, pg_get_triggerdef(t.oid) as value
        from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
        where not t.tgisinternal and ${own}`,
    policy: `select schemaname || '.' || tablename || '.' || policyname as name,
            concat_ws(' ', permissive, array_to_string(roles, ','), cmd, qual, with_check) as value from pg_policies`,
    "default privilege": `select coalesce(n.nspname, 'every schema') || '.' || pg_get_userbyid(a.defaclrole) || '.' || a.defaclobjtype::text as name,
            a.defaclacl::text as value
        from pg_default_acl a left join pg_namespace n on n.oid = a.defaclnamespace`,
    // Those of this connection are of the client that asks.
    setting: `select name, setting as value from pg_settings
        where source not in ('client', 'session') and context <> 'internal'
        union all select 'server_version', current_setting('server_version')`,
};

/** From `table app.documents` to what it is. @throws what pg throws */
export function databaseFacts(address: PublishedAddress, login: PostgresLogin): Promise<Record<string, string>> {
    return withPostgres(address, login, timeoutMs, async (client) => {
        const facts: Record<string, string> = {};
        for (const [kind, text] of Object.entries(queries)) {
            for (const { name, value } of await rowsOf(client, text)) facts[`${kind} ${name}`] = value || "there";
        }
        return facts;
    });
}

async function rowsOf(client: Client, text: string): Promise<{ readonly name: string; readonly value: string }[]> {
    const { rows } = await client.query<{ name: string; value: string | null }>(text);
    return rows.map(({ name, value }) => ({ name, value: value ?? "" }));
}
