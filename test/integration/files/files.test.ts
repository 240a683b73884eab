/** Files of a compose file on the real engine, read by a service that may write nothing and is not root. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { containerLabels, environmentList } from "../../../components/container-args.ts";
import { connectEngine } from "../../../engine/docker.ts";
import { fileMounts, fileVolumeLabels, fileVolumes } from "../../../release/file-volumes.ts";
import { findCompose, loadRelease } from "../../../release/load.ts";
import { canonicalJson } from "../../../release/revision.ts";
import type { DeclaredContainer, Release, ServiceRelease } from "../../../release/types.ts";
import { removeFileLeftovers } from "../../../rollout/service-files.ts";
import { startContainer } from "../../../rollout/steps/start-container.ts";

jest.setTimeout(120_000);

const engine = connectEngine();
const secrets = { A_KEY: "value-of-a-key-7f3a" };
const root = process.cwd();
let composeCommand: readonly string[];
let folder: string;
let project: string;

const composeFile = `
x-plumbline: { secrets: { A_KEY: { generate: 24 } } }
services:
  reader:
    image: debian:bookworm-slim
    user: "10321:10322"
    read_only: true
    cap_drop: [ALL]
    stop_grace_period: 0s
    command:
      - sh
      - -c
      - |
        cat /etc/security/app.conf /etc/security/deep/inline.conf /run/secrets/key /run/secrets/private
        stat -c '%n %a %u:%g' /etc/security/app.conf /run/secrets/key /run/secrets/private
        test -s /etc/security/limits.conf && echo image-file
        touch /etc/security/mine 2>/dev/null || echo sealed
        echo end
        exec sleep 600
    configs:
      - { source: app, target: /etc/security/app.conf }
      - { source: inline, target: /etc/security/deep/inline.conf }
    secrets:
      - key
      - { source: key, target: private, mode: 0400 }
  other:
    image: debian:bookworm-slim
    command: [sleep, "600"]
configs:
  app: { file: ./config/app.conf }
  inline: { content: "inline\\n" }
secrets:
  key: { environment: A_KEY }
`;

beforeAll(async () => {
    composeCommand = await findCompose(root);
});

beforeEach(async () => {
    project = `files-test-${randomBytes(4).toString("hex")}`;
    folder = await mkdtemp(join(tmpdir(), "plumbline-files-"));
    await mkdir(join(folder, "config"));
    await mkdir(join(folder, "services", "edge"), { recursive: true });
    await writeFile(join(folder, "services", "edge", "Dockerfile"), "FROM debian:bookworm-slim\n");
    await writeFile(join(folder, "config", "app.conf"), "level = $HOME <secret:A_KEY>\n");
    await writeFile(join(folder, "docker-compose.yml"), composeFile);
});

afterEach(async () => {
    for (const { id } of await engine.list({ "plumbline.project": project })) await engine.remove(id);
    for (const { name } of await engine.volumes({ "plumbline.project": project })) await engine.removeVolume(name);
    await rm(folder, { recursive: true });
});

async function load(): Promise<Release> {
    return (await loadRelease(folder, "local", { project }, { composeCommand })).release;
}

function serviceOf(release: Release, name: string): ServiceRelease {
    const found = release.services.find((service) => service.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
}

/** Volumes and container as the program declares them: created, not started. */
async function declare(service: ServiceRelease): Promise<DeclaredContainer> {
    for (const { name } of fileVolumes(project, service))
        await engine.createVolume(name, fileVolumeLabels(project, service));
    const id = await engine.create({
        image: service.image.reference,
        command: service.spec.command ?? [],
        environment: Object.fromEntries(
            environmentList(service, secrets).map((line) => line.split("=") as [string, string]),
        ),
        labels: containerLabels(project, "local", service.name, service.revision),
        user: service.spec.user ?? "",
        readOnlyRoot: service.spec.readOnly,
        capDrop: service.spec.capDrop,
        mounts: fileMounts(project, service).map(({ source, target, readOnly }) => ({
            volume: source,
            target,
            readOnly,
        })),
    });
    return { id, name: (await engine.inspect(id))?.name ?? "" };
}

/** What the service wrote, when it has written everything. */
async function output(id: string): Promise<string[]> {
    for (let asked = 0; asked < 100; asked++) {
        const lines = (await engine.logs(id)).map(({ line }) => line);
        if (lines.includes("end")) return lines;
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("the service did not end what it had to write");
}

const helpers = () => engine.list({ "plumbline.project": project, "plumbline.role": "files" });

async function start(release: Release, container: DeclaredContainer): Promise<void> {
    await startContainer(
        { engine, release, secrets, containers: { reader: container }, restartsBefore: new Map() },
        serviceOf(release, "reader"),
    );
}

const whatReaderSees = [
    "level = $HOME <secret:A_KEY>",
    "inline",
    `${secrets.A_KEY}${secrets.A_KEY}/etc/security/app.conf 444 10321:10322`,
    "/run/secrets/key 444 10321:10322",
    "/run/secrets/private 400 10321:10322",
    "image-file",
    "sealed",
    "end",
];

describe("the files of a service", () => {
    test("are read by one with a read-only root that is not root, beside the image's own [R02]", async () => {
        const release = await load();
        const container = await declare(serviceOf(release, "reader"));
        await start(release, container);
        expect(await output(container.id)).toEqual(whatReaderSees);
        expect(await helpers()).toEqual([]);
        // Again, while it runs: nothing is touched.
        await start(release, container);
        expect((await engine.inspect(container.id))?.running).toBe(true);
    });

    test("show the value of a secret nowhere but in the file [R65]", async () => {
        const release = await load();
        const service = serviceOf(release, "reader");
        const container = await declare(service);
        await start(release, container);
        await output(container.id);
        const facts = await engine.inspect(container.id);
        const volumes = await engine.volumes({ "plumbline.project": project });
        expect(volumes.map(({ name }) => name).sort()).toEqual(fileVolumes(project, service).map(({ name }) => name));
        const seen = [canonicalJson(release), JSON.stringify(facts?.raw), JSON.stringify(volumes)].join("\n");
        expect(seen).not.toContain(secrets.A_KEY);
        expect(seen).not.toContain(Buffer.from(secrets.A_KEY).toString("base64"));
    });

    test("change the revision of their service and of no other, and the old volume stays beside the new [R80]", async () => {
        const before = await load();
        const old = await declare(serviceOf(before, "reader"));
        await start(before, old);
        await writeFile(join(folder, "config", "app.conf"), "level = debug\n");
        const after = await load();
        expect(serviceOf(after, "reader").revision).not.toBe(serviceOf(before, "reader").revision);
        expect(serviceOf(after, "other").revision).toBe(serviceOf(before, "other").revision);
        const fresh = await declare(serviceOf(after, "reader"));
        await start(after, fresh);
        expect((await output(fresh.id))[0]).toBe("level = debug");
        const stillThere = await engine.exec(old.id, ["cat", "/etc/security/app.conf"]);
        expect(stillThere.stdout).toBe("level = $HOME <secret:A_KEY>\n");
    });

    test("that drifted are restored for a fresh container of the revision, and those that did not are left to who reads them [R31]", async () => {
        const release = await load();
        const service = serviceOf(release, "reader");
        const old = await declare(service);
        await start(release, old);
        await output(old.id);
        const changed = async () =>
            (await engine.exec(old.id, ["stat", "-c", "%z", "/run/secrets/key", "/etc/security/app.conf"])).stdout
                .trim()
                .split("\n");
        const [volume] = fileVolumes(project, service).filter(({ folder: at }) => at === "/etc/security");
        const door = await engine.create({
            image: service.image.reference,
            labels: { "plumbline.project": project },
            mounts: [{ volume: volume?.name ?? "", target: "/door" }],
        });
        await engine.putFiles(door, "/door", [{ name: "app.conf", content: "level = tampered\n" }]);
        const [key, tampered] = await changed();
        const fresh = await declare(service);
        await start(release, fresh);
        expect(await output(fresh.id)).toEqual(whatReaderSees);
        const [keyAfter, restored] = await changed();
        expect([keyAfter === key, restored === tampered]).toEqual([true, false]);
    });

    test("are filled again after a fill that was killed in the middle [R91]", async () => {
        const release = await load();
        const service = serviceOf(release, "reader");
        const container = await declare(service);
        const script = join(import.meta.dirname, "killed-fill.ts");
        const child = spawn(process.execPath, [script, JSON.stringify({ project, service, secrets })], {
            stdio: ["ignore", "pipe", "inherit"],
        });
        const [said] = (await once(child.stdout, "data")) as [Buffer];
        expect(said.toString()).toBe("half\n");
        child.kill("SIGKILL");
        await once(child, "exit");
        expect(await helpers()).toHaveLength(1);
        await start(release, container);
        expect(await output(container.id)).toEqual(whatReaderSees);
        expect(await helpers()).toEqual([]);
    });

    test("leave nothing when no container has them any more, and never take a data volume along", async () => {
        const before = await load();
        const old = await declare(serviceOf(before, "reader"));
        await start(before, old);
        await writeFile(join(folder, "config", "app.conf"), "level = debug\n");
        const after = await load();
        await engine.createVolume(`${project}_data`, { "plumbline.project": project });
        const names = async () =>
            (await engine.volumes({ "plumbline.project": project })).map(({ name }) => name).sort();
        const oldNames = fileVolumes(project, serviceOf(before, "reader")).map(({ name }) => name);

        await removeFileLeftovers(engine, project, after);
        expect(await names()).toEqual([`${project}_data`, ...oldNames].sort());
        await engine.remove(old.id);
        await removeFileLeftovers(engine, project, before);
        expect(await names()).toEqual([`${project}_data`, ...oldNames].sort());
        await removeFileLeftovers(engine, project, after);
        expect(await names()).toEqual([`${project}_data`]);
    });
});
