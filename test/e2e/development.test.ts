/** Daily development: plain `docker compose up` of the same file, without Plumbline. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { request } from "undici";
import { parse } from "yaml";
import { findCompose } from "../../release/load.ts";
import { expectExit } from "../support/ended.ts";
import { Project, type Ran } from "../support/project.ts";

let project: Project;
let compose: (...args: string[]) => Promise<Ran>;

beforeAll(async () => {
    project = await Project.create();
    // Only its ports and its name are moved, so that it stands beside a developer's own.
    const { project: name, offset } = await project.claim("local");
    const baseline = parse(await project.read("docker-compose.yml"), { merge: true }) as {
        services: Record<string, { ports: string[] }>;
    };
    const moved = Object.entries(baseline.services).flatMap(([service, { ports }]) => [
        `  ${service}:`,
        "    ports: !override",
        ...ports.map((port) => `      - "${port.replace(/:(\d+):/, (_, it) => `:${Number(it) + offset}:`)}"`),
    ]);
    await writeFile(path.join(project.folder, "moved.yml"), `services:\n${moved.join("\n")}\n`);
    const [command = "", ...first] = await findCompose(project.folder);
    const files = ["-p", name, "-f", "docker-compose.yml", "-f", "moved.yml"];
    compose = (...args) =>
        project.exec(command, [...first, ...files, ...args], {
            timeoutMs: 600_000,
            env: { DOCKER_BUILDKIT: "0", COMPOSE_PROGRESS: "plain" },
        });
}, 60_000);

afterAll(async () => {
    await compose("down", "--volumes", "--rmi", "local", "--timeout", "10");
    await project.dispose();
}, 180_000);

test("`docker compose up --wait` of the baseline becomes healthy, and turns a document into chunks [R03]", async () => {
    const up = await compose("up", "--detach", "--wait");
    expectExit(up, 0);
    const key = /^SERVICE_ROLE_KEY=(.*)$/m.exec(await project.read(".env"))?.[1];
    const authorization = `Bearer ${key}`;
    const url = `http://127.0.0.1:${project.port("local", "api")}`;
    const health = await request(`${url}/health`);
    expect(await health.body.json()).toMatchObject({ status: "ok", revision: "development" });
    const posted = await request(`${url}/documents`, {
        method: "POST",
        headers: { authorization, "content-type": "text/plain" },
        body: "Policy 4711. The insured event is water damage.",
    });
    expect(posted.statusCode).toBe(201);
    const { id } = (await posted.body.json()) as { id: string };
    let status = "";
    for (let attempt = 0; attempt < 150 && status !== "processed"; attempt += 1) {
        const asked = await request(`${url}/documents/${id}`, { headers: { authorization } });
        status = ((await asked.body.json()) as { status: string }).status;
        await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(status).toBe("processed");
}, 660_000);
