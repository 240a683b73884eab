/** The same commit gives the same release, wherever it is cloned and whoever's shell it is. */
import { cp, mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { linkTools, Project } from "../support/project.ts";

let origin: Project;

beforeAll(async () => {
    origin = await Project.create();
    // Names and ports of its own: what else is on this machine decides nothing.
    await origin.claim("local");
    await origin.asRepository();
}, 60_000);

afterAll(() => origin.dispose(), 60_000);

/** Clones the origin in a shell of its own and asks Pulumi for the id of the release. */
async function releaseOf(name: string, script: string, change?: (folder: string) => Promise<void>): Promise<string> {
    const folder = path.join(origin.folder, "..", `${path.basename(origin.folder)}-${name}`);
    try {
        const cloned = await origin.exec("sh", ["-c", `${script} git clone -q . '${folder}'`]);
        if (cloned.code !== 0) throw new Error(cloned.output);
        await linkTools(folder);
        await change?.(folder);
        const env = origin.environment();
        const paths = {
            PATH: env.PATH?.replaceAll(origin.folder, folder),
            PULUMI_HOME: path.join(folder, ".plumbline/pulumi"),
        };
        const preview = `${script} node automation/main.ts preview --json`;
        const ran = await origin.exec("sh", ["-c", preview], { cwd: folder, env: paths });
        if (ran.code !== 0) throw new Error(ran.output);
        return (JSON.parse(ran.stdout) as { release: string }).release;
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
}

test("two clones in two folders, with different shells, give the same release id, and a third with a change does not", async () => {
    const first = await releaseOf("a", "umask 022; export LC_ALL=C TZ=UTC;");
    const second = await releaseOf(
        "a longer name, with spaces",
        "umask 077; export LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8 TZ=Asia/Tokyo LOG_LEVEL=debug POSTGRES_PASSWORD=other REDIS_MAXMEMORY=1mb COMPOSE_PROJECT_NAME=other COMPOSE_FILE=other.yml HOME=/nonexistent;",
        // What git ignores is no part of a release, wherever it lies.
        async (folder) => {
            await mkdir(path.join(folder, "infrastructure/backups"), { recursive: true });
            await cp(path.join(folder, "README.md"), path.join(folder, "services/api/debug.log"));
        },
    );
    expect(first).toMatch(/^[0-9a-f]{12}$/);
    expect(second).toBe(first);
    const third = await releaseOf("b", "", async (folder) => {
        await origin.exec("sed", ["-i", "s/mem_limit: 1g/mem_limit: 2g/", path.join(folder, "docker-compose.yml")]);
    });
    expect(third).not.toBe(first);
}, 240_000);
