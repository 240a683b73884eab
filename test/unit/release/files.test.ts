/** `configs` and `secrets` as files: from compose's normalised output to what stands in the release. */
import { chmod, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { fileMounts, fileVolumes } from "../../../release/file-volumes.ts";
import type { FileRelease, Release } from "../../../release/types.ts";
import { baselineOf, makeProject, refusalOf, releaseOf, service, type Tree } from "./fixture.ts";

const declared = { "x-plumbline": { secrets: { A_KEY: { generate: 24 } } } };

let project = "";
beforeAll(async () => {
    project = await makeProject();
    await mkdir(join(project, "config"));
});
afterAll(() => rm(project, { recursive: true }));
beforeEach(() => writeFile(join(project, "config", "app.conf"), "level = $HOME\n"));

const configFile = (name = "app.conf") => ({ name: "demo_app", file: join(project, "config", name) });

/** The files of the one service that says this. */
async function filesOf(over: Tree, rest: Tree = {}): Promise<readonly FileRelease[]> {
    const release = await releaseOf(project, { web: service(over) }, { ...declared, ...rest });
    return release.services[0]?.spec.files ?? [];
}

describe("a file arrives", () => {
    const use = (over: Tree) => ({ configs: [{ source: "app", target: "/etc/app/app.conf", ...over }] });

    test("from the project, from the text itself and from a variable", async () => {
        expect(await filesOf(use({}), { configs: { app: configFile() } })).toEqual([
            { target: "/etc/app/app.conf", content: "level = $HOME\n", encoding: "text", mode: 0o444 },
        ]);
        expect(await filesOf(use({}), { configs: { app: { name: "demo_app", content: "a $$b" } } })).toEqual([
            { target: "/etc/app/app.conf", content: "a $b", encoding: "text", mode: 0o444 },
        ]);
        const release = await releaseOf(
            project,
            { web: service(use({})) },
            { configs: { app: { name: "demo_app", environment: "LEVEL" } } },
            { variables: '{"LEVEL":"$debug"}' },
        );
        expect(release.services[0]?.spec.files).toMatchObject([{ content: "$debug", encoding: "text" }]);
    });

    test("with a placeholder where a secret belongs, and the secret's version in the service [R65]", async () => {
        const release = await releaseOf(
            project,
            { web: service({ secrets: [{ source: "key", target: "/run/secrets/key" }] }) },
            { ...declared, secrets: { key: { name: "demo_key", environment: "A_KEY" } } },
        );
        expect(release.services[0]?.spec.files).toEqual([
            { target: "/run/secrets/key", content: "<secret:A_KEY>", encoding: "text", mode: 0o444 },
        ]);
        expect(release.services[0]?.secretVersions).toEqual({ A_KEY: "g1" });
    });

    test("where compose puts it", async () => {
        const files = await filesOf(
            {
                configs: [{ source: "app", target: "etc/app/relative.conf" }],
                secrets: [
                    { source: "key" },
                    { source: "key", target: "other" },
                    { source: "key", target: "/etc/x/key" },
                ],
            },
            { configs: { app: configFile() }, secrets: { key: { name: "demo_key", environment: "A_KEY" } } },
        );
        expect(files.map(({ target }) => target)).toEqual([
            "/etc/app/relative.conf",
            "/etc/x/key",
            "/run/secrets/key",
            "/run/secrets/other",
        ]);
    });

    test("with the mode and the owner that it is given", async () => {
        const configs = { app: configFile() };
        expect(await filesOf(use({ uid: "103", gid: "104", mode: "0440" }), { configs })).toMatchObject([
            { uid: 103, gid: 104, mode: 0o440 },
        ]);
        expect(await filesOf(use({ mode: 0o600 }), { configs })).toMatchObject([{ mode: 0o600 }]);
    });

    test("as bytes where it is no text, or where its own text looks like a placeholder", async () => {
        for (const data of [Buffer.from([0xff, 0xfe, 0x00]), Buffer.from("key = <secret:A_KEY>\n")]) {
            await writeFile(join(project, "config", "app.conf"), data);
            const [file] = await filesOf(use({}), { configs: { app: configFile() } });
            expect(file?.encoding).toBe("base64");
            expect(Buffer.from(file?.content ?? "", "base64")).toEqual(data);
        }
    });

    test("and stays executable", async () => {
        await writeFile(join(project, "config", "run"), "#!/bin/sh\n");
        await chmod(join(project, "config", "run"), 0o755);
        expect(await filesOf(use({}), { configs: { app: configFile("run") } })).toMatchObject([{ mode: 0o555 }]);
    });
});

describe("a revision", () => {
    const services = {
        web: service({ configs: [{ source: "app", target: "/etc/app/app.conf" }] }),
        other: service({ configs: [{ source: "own", target: "/etc/app/own.conf" }] }),
        plain: service(),
    };
    const rest = () => ({ configs: { app: configFile(), own: { name: "demo_own", content: "x" } } });
    const revisions = (release: Release) =>
        Object.fromEntries(release.services.map(({ name, revision }) => [name, revision]));

    test("changes with a file of exactly that service [R80]", async () => {
        const before = revisions(await releaseOf(project, services, rest()));
        await writeFile(join(project, "config", "app.conf"), "level = debug\n");
        const after = revisions(await releaseOf(project, services, rest()));
        expect(after.web).not.toBe(before.web);
        expect({ ...after, web: "" }).toEqual({ ...before, web: "" });
    });

    test("does not change with the order in which files are written down, nor with the folder of the project", async () => {
        const both = [
            { source: "app", target: "/etc/app/a" },
            { source: "app", target: "/etc/app/b" },
        ];
        const one = await releaseOf(project, { web: service({ configs: both }) }, rest());
        const other = await releaseOf(project, { web: service({ configs: both.toReversed() }) }, rest());
        expect(other.services[0]?.revision).toBe(one.services[0]?.revision);
        expect(JSON.stringify(one)).not.toContain(project);
    });
});

describe("the volumes of a service", () => {
    const spec = async (...targets: string[]) => {
        const configs = targets.map((target) => ({ source: "app", target }));
        const [web] = (await releaseOf(project, { web: service({ configs }) }, { configs: { app: configFile() } }))
            .services;
        if (web === undefined) throw new Error("no service");
        return { ...web, revision: "3f9c1a2b" };
    };

    test("are one for each folder, and one for a folder with what lies below", async () => {
        const web = await spec("/etc/app/a.conf", "/etc/app/sub/b.conf", "/etc/apple/c.conf", "/run/secrets/d");
        const volumes = fileVolumes("demo", web);
        expect(volumes.map(({ name, folder, files }) => [name, folder, files.map(({ target }) => target)])).toEqual([
            ["demo_files_web_3f9c1a2b_0", "/etc/app", ["/etc/app/a.conf", "/etc/app/sub/b.conf"]],
            ["demo_files_web_3f9c1a2b_1", "/etc/apple", ["/etc/apple/c.conf"]],
            ["demo_files_web_3f9c1a2b_2", "/run/secrets", ["/run/secrets/d"]],
        ]);
        expect(fileMounts("demo", web)[0]).toEqual({
            type: "volume",
            source: "demo_files_web_3f9c1a2b_0",
            target: "/etc/app",
            readOnly: true,
        });
    });

    test("make no stateful service of it", async () => {
        expect((await spec("/etc/app/a.conf")).kind).toBe("consumer");
    });

    test("are none for a release from before there were files", async () => {
        const web = await spec();
        const { files: _, ...old } = web.spec;
        expect(fileVolumes("demo", { ...web, spec: old as typeof web.spec })).toEqual([]);
    });
});

describe("is refused by name", () => {
    const at = (target: string, over: Tree = {}): Tree => ({ configs: [{ source: "app", target }], ...over });
    const data = (target: string, read_only = false) => ({
        volumes: [{ type: "volume", source: "data", target, read_only, volume: {} }],
    });
    const cases: [what: string, over: Tree, rest: Tree, message: RegExp][] = [
        [
            "a file directly in /",
            { configs: [{ source: "app" }] },
            {},
            /configs\.0\.target: \/app lies directly in \/.*\/etc\/app\/app/,
        ],
        [
            "an unknown source",
            { secrets: [{ source: "nobody" }] },
            {},
            /secrets\.0: nobody is not declared under secrets/,
        ],
        [
            "two files at one place",
            { configs: [...[1, 2].map(() => ({ source: "app", target: "/e/a" }))] },
            {},
            /two files/,
        ],
        [
            "a file that is a folder too",
            { configs: ["/e/a", "/e/a/b"].map((target) => ({ source: "app", target })) },
            {},
            /\/e\/a is a file, and the folder of \/e\/a\/b/,
        ],
        ["a folder that is a tmpfs", at("/tmp/a", { tmpfs: ["/tmp:size=1m"] }), {}, /\/tmp is mounted too/],
        ["a folder that is a volume", at("/data/a", data("/data")), {}, /\/data is mounted too/],
        ["a folder above a volume", at("/var/a", data("/var/lib")), {}, /needs \/var for itself/],
        ["a folder in a read-only volume", at("/data/conf/a", data("/data", true)), {}, /\/data is mounted too/],
        [
            "an owner by name",
            at("/e/a", { configs: [{ source: "app", uid: "root" }] }),
            {},
            /configs\.0\.uid: expected a number/,
        ],
        [
            "a mode in words",
            at("/e/a", { configs: [{ source: "app", mode: "rwx" }] }),
            {},
            /configs\.0\.mode: expected a mode/,
        ],
        [
            "a secret from a file",
            {},
            { secrets: { a: { file: "/p/a" } } },
            /secrets\.a\.file: .*in clear.*x-plumbline\.secrets/,
        ],
        [
            "a secret from a variable that is not secret",
            {},
            { secrets: { a: { environment: "A_KEZ" } } },
            /secrets\.a\.environment: A_KEZ is not declared secret.*A_KEY.*x-plumbline\.secrets/,
        ],
        [
            "an external secret",
            {},
            { secrets: { a: { external: true } } },
            /secrets\.a\.external: .*x-plumbline\.secrets/,
        ],
        [
            "an external config",
            {},
            { configs: { a: { external: true } } },
            /configs\.a\.external: .*file of the project/,
        ],
        [
            "a config with a driver",
            {},
            { configs: { a: { file: "x", template_driver: "g" } } },
            /a\.template_driver: is not/,
        ],
        ["a config from nothing", {}, { configs: { a: {} } }, /configs\.a: has neither file/],
        ["a config without a value", {}, { configs: { a: { environment: "NOT_SET" } } }, /NOT_SET has no value/],
        [
            "a config outside the project",
            {},
            { configs: { a: { file: "/elsewhere" } } },
            /configs\.a\.file: must be a file inside/,
        ],
    ];
    test.each(cases)("%s", async (_, over, rest, message) => {
        const configs = { app: { name: "demo_app", content: "x" }, ...(rest.configs as Tree | undefined) };
        const volumes = { data: { name: "demo_data" } };
        const error = await refusalOf(() =>
            baselineOf({ web: service(over) }, { ...declared, volumes, ...rest, configs }, project),
        );
        expect(error.category).toBe("baseline");
        expect(error.message).toMatch(message);
        expect(error.message).toMatch(/docker-compose\.yml:\d+/);
    });

    const read: [what: string, name: string, message: RegExp, remedy: RegExp][] = [
        ["a missing file", "missing", /config\/missing of web cannot be read/, /Create it/],
        ["a folder", "folder", /config\/folder of web is no file/, /Name each file/],
        ["a large file", "large", /config\/large of web is too large/, /512 KiB/],
        ["a link to outside", "link", /config\/link of web is a link to outside/, /Put the file itself there/],
    ];
    test.each(read)("%s", async (_, name, message, remedy) => {
        await mkdir(join(project, "config", "folder"), { recursive: true });
        await writeFile(join(project, "config", "large"), Buffer.alloc(512 * 1024 + 1));
        await symlink("/etc/hostname", join(project, "config", "link")).catch(() => undefined);
        const over = { configs: [{ source: "app", target: "/etc/app/a" }] };
        const error = await refusalOf(() => filesOf(over, { configs: { app: configFile(name) } }));
        expect(error).toMatchObject({ category: "baseline", service: "web" });
        expect(error.message).toMatch(message);
        expect(error.remedy).toMatch(remedy);
    });
});
