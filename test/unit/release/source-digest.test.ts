/** The digest of an image's source, and the files that count for it. */
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { ignoredBy } from "../../../release/ignore.ts";
import { type ImageSource, sourceDigest } from "../../../release/source-digest.ts";

const source: ImageSource = { context: "services/api", dockerfile: "services/api/Dockerfile", args: {} };
const files: Record<string, string> = {
    Dockerfile: "FROM debian:bookworm-slim\nCOPY . /app\n",
    "app/main.py": "print('one')\n",
    "app/util.py": "",
    "bin/run": "#!/bin/sh\n",
    ".dockerignore": "**/__pycache__\n*.md\n",
};

let project = "";
const at = (path: string) => join(project, "services/api", path);
const put = async (path: string, text: string, mode = 0o644) => {
    await mkdir(dirname(at(path)), { recursive: true });
    await writeFile(at(path), text);
    await chmod(at(path), mode);
};
const fill = async (order: readonly string[]) => {
    project = await mkdtemp(join(tmpdir(), "plumbline-source-"));
    for (const path of order) await put(path, files[path] ?? "", path === "bin/run" ? 0o755 : 0o644);
};
const digest = (change: Partial<ImageSource> = {}) => sourceDigest(project, "api", { ...source, ...change });

beforeEach(() => fill(Object.keys(files)));
afterEach(() => rm(project, { recursive: true }));

describe("the digest stays the same", () => {
    test("in a second copy, written in another order, with other times and another umask", async () => {
        const before = await digest();
        const first = project;
        await fill(Object.keys(files).reverse());
        for (const path of Object.keys(files)) await utimes(at(path), 1, 1);
        await chmod(at("app/main.py"), 0o600);
        await chmod(at("bin/run"), 0o700);
        expect(await digest()).toBe(before);
        await rm(first, { recursive: true });
    });

    test("when only ignored files, empty folders or files outside the context change", async () => {
        const before = await digest();
        await put("app/__pycache__/main.cpython-311.pyc", "bytes");
        await put("README.md", "text");
        await mkdir(at("empty/deeper"), { recursive: true });
        await put("../worker/main.py", "other");
        expect(await digest()).toBe(before);
    });

    test("whatever the order of the arguments", async () => {
        expect(await digest({ args: { A: "1", B: "2" } })).toBe(await digest({ args: { B: "2", A: "1" } }));
    });
});

describe("the digest changes", () => {
    const changes: [string, () => Promise<unknown>][] = [
        ["content", () => put("app/main.py", "print('two')\n")],
        ["a new file", () => put("app/new.py", "")],
        ["a removed file", () => rm(at("app/util.py"))],
        ["an executable bit", () => chmod(at("app/main.py"), 0o755)],
        ["the base image", () => put("Dockerfile", "FROM debian:trixie-slim\nCOPY . /app\n")],
        ["a rule that leaves out a file", () => put(".dockerignore", "**/__pycache__\n*.md\napp/util.py\n")],
        ["an empty link", () => symlink("main.py", at("app/link.py"))],
    ];
    test.each(changes)("with %s", async (_, change) => {
        const before = await digest();
        await change();
        expect(await digest()).not.toBe(before);
    });

    test("with the name of a file, and with where content is cut into files", async () => {
        const before = await digest();
        await rm(at("app/util.py"));
        await put("app/utils.py", "");
        const renamed = await digest();
        expect(renamed).not.toBe(before);
        await put("app/main.py", "");
        await put("app/utils.py", files["app/main.py"] ?? "");
        expect(await digest()).not.toBe(renamed);
    });

    test("with the target of a link", async () => {
        await symlink("main.py", at("link"));
        const before = await digest();
        await rm(at("link"));
        await symlink("util.py", at("link"));
        expect(await digest()).not.toBe(before);
    });

    test("with arguments and target", async () => {
        const digests = [await digest(), await digest({ args: { A: "1" } }), await digest({ target: "final" })];
        expect(new Set(digests).size).toBe(3);
    });

    test("with the Dockerfile, also when an ignore rule leaves it out", async () => {
        await put(".dockerignore", "Dockerfile\n.dockerignore\n");
        const before = await digest();
        await put("Dockerfile", "FROM debian:trixie-slim\n");
        expect(await digest()).not.toBe(before);
    });
});

test("a missing Dockerfile is named", async () => {
    await rm(at("Dockerfile"));
    await expect(digest()).rejects.toThrow(/services\/api\/Dockerfile of api cannot be read/);
});

test("rules named after the Dockerfile go before those of the context", async () => {
    await put("Dockerfile.dockerignore", "app\n");
    const before = await digest();
    await put("app/main.py", "changed");
    expect(await digest()).toBe(before);
    await put("new.md", "counts now");
    expect(await digest()).not.toBe(before);
});

describe("ignore rules", () => {
    const cases: [rules: string, ignored: string[], kept: string[]][] = [
        ["*.md", ["a.md"], ["a.mdx", "d/a.md", "md"]],
        ["**/*.md", ["a.md", "d/e/a.md"], ["a.txt"]],
        ["**/__pycache__", ["__pycache__/x", "a/__pycache__/x/y"], ["a/__pycache__x"]],
        ["node_modules", ["node_modules", "node_modules/a/b"], ["a/node_modules"]],
        ["/dist/", ["dist/a"], ["a/dist"]],
        ["a/*/c", ["a/b/c", "a/b/c/d"], ["a/c", "a/b/x/c"]],
        ["a/**/c", ["a/c", "a/x/y/c"], ["b/c"]],
        ["x?y", ["xay"], ["xy", "x/y", "xaby"]],
        ["[ab].txt", ["a.txt"], ["c.txt"]],
        ["[^ab].txt", ["c.txt"], ["a.txt"]],
        ["# comment\n\n  a.txt  ", ["a.txt"], ["# comment"]],
        ["*\n!keep\n!src/**", ["a", "b/c"], ["keep", "src/x/y", "keep/z"]],
        ["!a\na", ["a"], []],
        ["a.b+c(d)", ["a.b+c(d)"], ["aXb+c(d)", "a.bbc(d)"]],
        ["\\*lit", ["*lit"], ["xlit"]],
        ["", [], ["a"]],
    ];
    test.each(cases)("%j", (rules, ignored, kept) => {
        const test = ignoredBy(rules);
        expect(ignored.filter((path) => !test(path))).toEqual([]);
        expect(kept.filter(test)).toEqual([]);
    });
});
