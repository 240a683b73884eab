/** The Postgres image as the baseline runs it: roles, passwords, row-level security, and starts after every kind of end. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Client, type QueryResultRow } from "pg";
import { randomVariables, type Service, TestBed, type Variables } from "../../support/containers.ts";

let bed: TestBed;
const variables = randomVariables();
const ada = "11111111-1111-4111-8111-111111111111";
const bob = "22222222-2222-4222-8222-222222222222";
const passwords: Readonly<Record<string, string>> = {
    postgres: "POSTGRES_PASSWORD",
    authenticator: "AUTHENTICATOR_PASSWORD",
    supabase_storage_admin: "STORAGE_DB_PASSWORD",
    worker: "WORKER_DB_PASSWORD",
};

beforeAll(async () => {
    bed = await TestBed.open();
}, 300_000);

afterAll(async () => {
    await bed.close();
}, 60_000);

/** Runs `work` on a connection of its own, as this role with the password that the variables give it. */
async function connected<T>(
    service: Service,
    from: Variables,
    user: string,
    work: (client: Client) => Promise<T>,
): Promise<T> {
    const [host, port] = (await service.address(5432)).split(":");
    const password = from[passwords[user] ?? ""] ?? "none";
    const client = new Client({ host: host ?? "", port: Number(port), user, password, database: "postgres" });
    client.on("error", () => undefined);
    try {
        await client.connect();
        return await work(client);
    } finally {
        await client.end().catch(() => undefined);
    }
}

async function rows<R extends QueryResultRow>(service: Service, text: string, values: unknown[] = []): Promise<R[]> {
    return connected(service, variables, "postgres", async (client) => (await client.query<R>(text, values)).rows);
}

/** Runs `work` as the api does: logged in as authenticator, in the role and with the claims of a caller. */
async function inRole<T>(
    service: Service,
    role: string,
    sub: string,
    work: (client: Client) => Promise<T>,
): Promise<T> {
    return connected(service, variables, "authenticator", async (client) => {
        await client.query("begin");
        await client.query("select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)", [
            role,
            JSON.stringify({ role, sub }),
        ]);
        const result = await work(client);
        await client.query("commit");
        return result;
    });
}

const insertDocument = `insert into app.documents (owner, name, content_type, size, storage_path)
    values ($1, $2, 'text/plain', 3, $2) returning id`;

async function tablesWithoutSecurity(service: Service): Promise<string[]> {
    const found = await rows<{ name: string }>(
        service,
        `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('app', 'storage') and c.relkind in ('r', 'p') and not c.relrowsecurity`,
    );
    return found.map(({ name }) => name);
}

describe("the Postgres service", () => {
    let postgres: Service;

    beforeAll(async () => {
        postgres = await bed.start("postgres", { variables });
    }, 300_000);

    test("has the roles of Supabase and of the services, each with no more than it needs [R05] [R62]", async () => {
        const found = await rows<Record<string, unknown>>(
            postgres,
            `select rolname, rolcanlogin as login, rolsuper as super, rolbypassrls as bypass, rolinherit as inherit,
                rolcreaterole or rolcreatedb or rolreplication as more,
                array(select g.rolname::text from pg_auth_members m join pg_roles g on g.oid = m.roleid
                    where m.member = r.oid order by 1) as member
            from pg_roles r where rolname !~ '^pg_' order by rolname`,
        );
        const three = ["anon", "authenticated", "service_role"];
        const none = { login: false, super: false, bypass: false, inherit: false, more: false, member: [] as string[] };
        expect(found).toEqual([
            { rolname: "anon", ...none },
            { rolname: "authenticated", ...none },
            { rolname: "authenticator", ...none, login: true, member: three },
            { rolname: "postgres", login: true, super: true, bypass: true, inherit: true, more: true, member: [] },
            { rolname: "service_role", ...none, bypass: true },
            { rolname: "supabase_storage_admin", ...none, login: true, member: three },
            { rolname: "worker", ...none, login: true },
        ]);
    });

    test("keeps passwords as SCRAM verifiers and lets nobody in over TCP without the right one [R65]", async () => {
        const kinds = await rows<{ kind: string }>(
            postgres,
            "select distinct coalesce(split_part(rolpassword, '$', 1), 'none') as kind from pg_authid where rolcanlogin",
        );
        expect(kinds).toEqual([{ kind: "SCRAM-SHA-256" }]);
        for (const user of Object.keys(passwords)) {
            expect(
                await connected(postgres, variables, user, async (client) => (await client.query("select 1")).rowCount),
            ).toBe(1);
            const wrong = { ...variables, [passwords[user] ?? ""]: "wrong" };
            await expect(connected(postgres, wrong, user, async () => 0)).rejects.toMatchObject({ code: "28P01" });
        }
        for (const user of ["anon", "service_role"]) {
            await expect(connected(postgres, variables, user, async () => 0)).rejects.toMatchObject({ code: "28P01" });
        }
        const open = await rows(
            postgres,
            "select from pg_hba_file_rules where type <> 'local' and auth_method <> 'scram-sha-256' or auth_method = 'trust'",
        );
        expect(open).toHaveLength(0);
    });

    test("has row-level security on for every table, and the check sees one that is not", async () => {
        expect(await tablesWithoutSecurity(postgres)).toEqual([]);
        await rows(postgres, "create table app.forgotten (id integer)");
        expect(await tablesWithoutSecurity(postgres)).toEqual(["app.forgotten"]);
        await rows(postgres, "drop table app.forgotten");
    });

    test("checks data pages and commits durably", async () => {
        const [settings] = await rows(
            postgres,
            `select current_setting('data_checksums') as checksums, current_setting('fsync') as fsync,
                current_setting('synchronous_commit') as commit, current_setting('full_page_writes') as pages`,
        );
        expect(settings).toEqual({ checksums: "on", fsync: "on", commit: "on", pages: "on" });
    });

    test("shows a user its own documents and chunks only, and an anonymous one nothing [R62]", async () => {
        const id = await inRole(postgres, "authenticated", ada, async (client) => {
            const { rows: made } = await client.query<{ id: string }>(insertDocument, [ada, "ada-1"]);
            return made[0]?.id ?? "";
        });
        await connected(postgres, variables, "worker", (client) =>
            client.query("insert into app.chunks (document_id, index, content) values ($1, 0, 'text')", [id]),
        );
        const seen = (sub: string) =>
            inRole(postgres, "authenticated", sub, async (client) => [
                (await client.query("select from app.documents")).rowCount,
                (await client.query("select from app.chunks")).rowCount,
            ]);
        expect(await seen(ada)).toEqual([1, 1]);
        expect(await seen(bob)).toEqual([0, 0]);
        await expect(
            inRole(postgres, "anon", ada, (client) => client.query("select from app.documents")),
        ).rejects.toMatchObject({
            code: "42501",
        });
        await expect(
            inRole(postgres, "authenticated", bob, (client) => client.query(insertDocument, [ada, "not-bobs"])),
        ).rejects.toMatchObject({ code: "42501" });
        const all = await inRole(postgres, "service_role", "", (client) => client.query("select from app.documents"));
        expect(all.rowCount).toBe(1);
    });

    test("makes a job in the transaction that adds a document, which its owner cannot see or change", async () => {
        const jobs = await rows(
            postgres,
            `select j.state, j.attempts from app.jobs j join app.documents d on d.id = j.document_id where d.name = 'ada-1'`,
        );
        expect(jobs).toEqual([{ state: "queued", attempts: 0 }]);
        await expect(
            inRole(postgres, "authenticated", ada, (client) => client.query("update app.jobs set state = 'done'")),
        ).rejects.toMatchObject({ code: "42501" });
    });

    test("knows one document for one idempotency key of one owner, also when there is no owner", async () => {
        const add = (owner: string | null, path: string) =>
            rows(
                postgres,
                `insert into app.documents (owner, name, content_type, size, storage_path, idempotency_key)
                values ($1, 'n', 'text/plain', 1, $2, 'key-1')
                on conflict (owner, idempotency_key) where idempotency_key is not null do nothing returning id`,
                [owner, path],
            );
        expect(await add(ada, "key-ada")).toHaveLength(1);
        expect(await add(ada, "key-ada-again")).toHaveLength(0);
        expect(await add(null, "key-nobody")).toHaveLength(1);
        expect(await add(null, "key-nobody-again")).toHaveLength(0);
    });

    test("runs without root, capabilities or a writable root, and shows its passwords nowhere [R65]", async () => {
        const { output } = await postgres.exec([
            "bash",
            "-c",
            "id -u; grep CapEff /proc/self/status; touch /x 2>&1; cat /proc/[0-9]*/cmdline | tr '\\0' ' '",
        ]);
        expect(output).toMatch(/^10001\nCapEff:\t0000000000000000\n/);
        expect(output).toContain("Read-only file system");
        expect(output).toContain("postgres -c config_file");
        const logs = await postgres.logs();
        expect(logs).toContain("database system is ready to accept connections");
        for (const name of Object.values(passwords)) {
            expect(output).not.toContain(variables[name]);
            expect(logs).not.toContain(variables[name]);
        }
    });

    test("a second server on the same volume is refused, and the first one serves on", async () => {
        const volume = (await postgres.container.inspect()).Mounts[0]?.Name ?? "";
        const second = await bed.start("postgres", { variables, volume, untilHealthy: false });
        expect(await second.exited()).toBe(1);
        expect(await second.logs()).toContain("another server is using this volume");
        expect(await rows(postgres, "select 1 as one")).toEqual([{ one: 1 }]);
    });

    test("has every acknowledged write after kill -9, and mends what somebody changed in its schema", async () => {
        await rows(postgres, insertDocument, [bob, "before-the-kill"]);
        await rows(postgres, "alter table app.chunks disable row level security; drop policy jobs_worker on app.jobs");
        await rows(postgres, "alter role anon login superuser password 'open'");
        expect(await tablesWithoutSecurity(postgres)).toEqual(["app.chunks"]);
        await postgres.killAndStart();
        await postgres.healthy();
        expect(await rows(postgres, "select from app.documents where name = 'before-the-kill'")).toHaveLength(1);
        expect(await tablesWithoutSecurity(postgres)).toEqual([]);
        expect(await rows(postgres, "select from pg_policies where policyname = 'jobs_worker'")).toHaveLength(1);
        expect(
            await rows(postgres, "select from pg_roles where rolname = 'anon' and (rolsuper or rolcanlogin)"),
        ).toEqual([]);
    });

    test("comes up on an old volume with passwords that were generated anew, and the old ones are void", async () => {
        const volume = (await postgres.container.inspect()).Mounts[0]?.Name ?? "";
        expect(await postgres.stop()).toBe(0);
        expect(await postgres.logs()).toMatch(
            /received fast shutdown request\n(.*\n)*.*database system is shut down\s*$/,
        );
        const fresh = randomVariables();
        const next = await bed.start("postgres", { variables: fresh, volume });
        for (const user of Object.keys(passwords)) {
            const one = await connected(next, fresh, user, async (client) => (await client.query("select 1")).rowCount);
            expect(one).toBe(1);
            await expect(connected(next, variables, user, async () => 0)).rejects.toMatchObject({ code: "28P01" });
        }
        const kept = await connected(next, fresh, "postgres", (client) =>
            client.query("select from app.documents where name = 'before-the-kill'"),
        );
        expect(kept.rowCount).toBe(1);
    });
});

test.each([150, 400, 800, 1300, 2000, 3000])(
    "killed %i ms into its first start, it comes up whole at the second",
    async (delay) => {
        const service = await bed.start("postgres", { variables, untilHealthy: false });
        await sleep(delay);
        await service.killAndStart();
        await service.healthy();
        expect(await tablesWithoutSecurity(service)).toEqual([]);
        expect(await rows(service, "select from app.documents")).toEqual([]);
        const left = await service.exec(["sh", "-c", "ls -A /var/lib/postgresql/data"]);
        expect(left.output.trim().split("\n")).toEqual([".lock", "cluster"]);
        await service.container.stop();
    },
);

test("without a password it does not start, and names the variable", async () => {
    const environment = { WORKER_DB_PASSWORD: "" };
    const service = await bed.start("postgres", { variables, environment, untilHealthy: false });
    expect(await service.exited()).toBe(1);
    expect(await service.logs()).toContain("WORKER_DB_PASSWORD is not set");
});
