/** docs/your-own-compose-file.md as a stranger follows it: its example is read and frozen, and what it says is refused is. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { siftKeys } from "../../release/compose-keys.ts";
import { stackConfiguration } from "../../release/config.ts";
import { projectExtension, serviceExtension } from "../../release/extension.ts";
import { findCompose, type LoadedRelease, loadRelease } from "../../release/load.ts";
import { describeSettings } from "../../release/settings-schema.ts";
import { parseStackFile } from "../../release/stack-file.ts";

const root = process.cwd();
let page = "";
let folder = "";
let loaded: LoadedRelease;

/** The text of the block whose first line names this file. */
function blockOf(file: string): string {
    const blocks = Array.from(page.matchAll(/```yaml\n# (\S+)\n([\s\S]*?)```/g), ([, name, text]) => ({ name, text }));
    const text = blocks.find(({ name }) => name === file)?.text;
    if (text === undefined) throw new Error(`the page has no block of ${file}`);
    return text;
}

/** The cells of every row of the table that stands below this heading. */
function tableBelow(heading: string): string[][] {
    const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
    const rows = section.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| ---"));
    return rows.slice(1).map((row) =>
        row
            .split("|")
            .slice(1, -1)
            .map((cell) => cell.trim()),
    );
}

const codeIn = (text = "") => Array.from(text.matchAll(/`([^`]+)`/g), (match) => match[1] ?? "");

beforeAll(async () => {
    page = await readFile(path.join(root, "docs/your-own-compose-file.md"), "utf8");
    folder = await mkdtemp(path.join(tmpdir(), "plumbline-own-"));
    const files = {
        "docker-compose.yml": blockOf("docker-compose.yml"),
        "web/Dockerfile": "FROM debian:bookworm-slim\n",
        "letters/Dockerfile": "FROM debian:bookworm-slim\n",
        "letters/templates.txt": "Dear {name}\n",
        "services/edge/Dockerfile": "FROM debian:bookworm-slim\n",
    };
    for (const [file, text] of Object.entries(files)) {
        await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
        await writeFile(path.join(folder, file), text);
    }
    const { config } = parseStackFile(blockOf("Pulumi.local.yaml"), "Pulumi.local.yaml");
    loaded = await loadRelease(folder, "local", stackConfiguration(config), {
        composeCommand: await findCompose(root),
    });
});
afterAll(() => rm(folder, { recursive: true }));

describe("the example", () => {
    const service = (name: string) => {
        const found = loaded.release.services.find((it) => it.name === name);
        if (found === undefined) throw new Error(`no service ${name}`);
        return found;
    };

    test("freezes without a note, with the kinds and the order that the page promises [R03]", () => {
        expect(loaded.notes).toEqual([]);
        const promised = tableBelow("A complete example").map(([name, kind]) => [codeIn(name)[0], codeIn(kind)[0]]);
        expect(promised).toHaveLength(4);
        const kinds = loaded.release.services.map(({ name, kind }) => [name, kind]);
        expect(Object.fromEntries(kinds)).toEqual(Object.fromEntries(promised));
        const order = loaded.release.services.map(({ name }) => name);
        expect(order.indexOf("db")).toBeLessThan(order.indexOf("migrate"));
        expect(order.indexOf("migrate")).toBeLessThan(order.indexOf("web"));
    });

    test("has the probes that the page promises: written ones, and a connection where none is", () => {
        expect(service("web").probes).toMatchObject([{ type: "http", port: 8080, path: "/health" }]);
        expect(service("db").probes).toEqual([{ type: "tcp", port: 5432 }]);
        expect(service("letters").probes).toEqual([{ type: "tcp", port: 9100 }]);
        expect(service("migrate").probes).toEqual([]);
    });

    test("takes names, variables, secrets and files from where the page says", () => {
        expect(loaded.release.networks.map(({ name }) => name)).toEqual(["guestbook_back", "guestbook_front"]);
        expect(loaded.release.volumes).toMatchObject([{ key: "db_data", name: "guestbook_db_data" }]);
        expect(service("web").spec.environment).toMatchObject({
            GREETING: "good day",
            DATABASE_URL: "postgresql://guestbook:<secret:DB_PASSWORD>@db:5432/guestbook",
        });
        expect(service("letters").spec.files).toMatchObject([
            { target: "/etc/letters/templates.txt", content: "Dear {name}\n" },
            { target: "/run/secrets/mail_token", content: "<secret:MAIL_TOKEN>" },
        ]);
        expect(service("web").ports).toEqual([{ target: 8080, published: 8080, hostIp: "127.0.0.1" }]);
    });
});

test("every setting and every key of ours that the page names is one", () => {
    const settings = describeSettings().map(({ key }) => key);
    const named = new Set(Array.from(page.matchAll(/plumbline:[A-Za-z.]+/g), ([key]) => key.replace(/\.$/, "")));
    expect(named.size).toBeGreaterThan(8);
    const isOne = (key: string) => settings.some((it) => it === key || key.startsWith(`${it}.`));
    expect([...named].filter((key) => !isOne(key))).toEqual([]);
    const ours = [...Object.keys(serviceExtension.shape), ...Object.keys(projectExtension.shape)];
    const used = new Set(Array.from(page.matchAll(/x-plumbline\.([a-z]+)/g), ([, key]) => key ?? ""));
    expect(used.size).toBeGreaterThan(5);
    expect([...used].filter((key) => !ours.includes(key))).toEqual([]);
});

describe("what the page says is refused", () => {
    test("is: every key of the table, by name", () => {
        const keys = tableBelow("What is refused, and why").flatMap(([cell]) => codeIn(cell));
        expect(keys.length).toBeGreaterThan(20);
        for (const key of keys) {
            const { problems, notes } = siftKeys({ services: { web: { [key]: "something" } } });
            expect([key, problems.map((it) => it.path.at(-1)), notes]).toEqual([key, [key], []]);
        }
    });

    test("and what it says is harmless is only listed", () => {
        const section = page.split("## What is not used, and harmless")[1]?.split("\n## ")[0] ?? "";
        const keys = codeIn(section).filter((key) => key !== "x-");
        expect(keys.length).toBeGreaterThan(8);
        for (const key of keys) {
            const places = [key, `deploy.${key}`, `build.${key}`].map((place) => {
                const nested = place.split(".").reduceRight<unknown>((inner, step) => ({ [step]: inner }), "something");
                return siftKeys({ services: { web: nested } });
            });
            expect([key, places.some(({ notes }) => notes.length === 1)]).toEqual([key, true]);
            expect([key, places.every(({ problems }) => problems.length === 0)]).toEqual([key, true]);
        }
    });
});
