/** What the documents point to is there: files, headings, npm scripts, and files named in the text. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "@jest/globals";

const root = path.resolve(import.meta.dirname, "../../..");
const documents = [
    "README.md",
    "CHANGELOG.md",
    ...readdirSync(path.join(root, "docs"), { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".md"))
        .map((name) => path.posix.join("docs", name.split(path.sep).join("/")))
        .sort(),
];

/** Targets of links that lead to files of the project, with what is wrong with them. */
function brokenLinks(file: string, text: string): string[] {
    const targets = Array.from(withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g), (match) => match[1] ?? "");
    return targets
        .filter((target) => !/^(https?|mailto):/.test(target))
        .filter((target) => {
            const [name = "", heading] = target.split("#");
            const place = name === "" ? path.join(root, file) : path.resolve(root, path.dirname(file), name);
            if (!existsSync(place)) return true;
            return heading !== undefined && !anchorsOf(readFileSync(place, "utf8")).includes(heading);
        });
}

/** Names of `npm run` scripts in a text that package.json does not have. */
function unknownScripts(text: string, known: readonly string[]): string[] {
    const used = Array.from(text.matchAll(/npm run (?:-s |--silent )?([a-z][\w:-]*)/g), (match) => match[1] ?? "");
    return [...new Set(used)].filter((name) => !known.includes(name));
}

/** Paths of the project's source files in backticks that are not there. */
function missingFiles(text: string): string[] {
    const named = Array.from(
        text.matchAll(
            /`((?:automation|components|engine|providers|release|rollout|services|test|toolchain|validation)\/[\w./-]*)`/g,
        ),
        (match) => match[1] ?? "",
    );
    return [...new Set(named)].filter((name) => !existsSync(path.join(root, name)));
}

function anchorsOf(text: string): string[] {
    return Array.from(withoutCode(text).matchAll(/^#+ (.+)$/gm), (match) =>
        (match[1] ?? "")
            .toLowerCase()
            .replace(/[^\p{L}\p{N} _-]/gu, "")
            .replaceAll(" ", "-"),
    );
}

function withoutCode(text: string): string {
    return text.replace(/^```[\s\S]*?^```/gm, "");
}

const scripts = Object.keys(
    (JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { scripts: Record<string, string> }).scripts,
);

describe.each(documents)("%s", (file) => {
    const text = readFileSync(path.join(root, file), "utf8");

    test("every relative link leads to a file and a heading that are there", () => {
        expect(brokenLinks(file, text)).toEqual([]);
    });

    test("every `npm run` names a script of package.json", () => {
        expect(unknownScripts(text, scripts)).toEqual([]);
    });

    test("every source file that it names is there", () => {
        expect(missingFiles(text)).toEqual([]);
    });
});

test("every document is reachable from the README", () => {
    const reached = new Set<string>();
    const visit = (file: string) => {
        if (reached.has(file)) return;
        reached.add(file);
        const text = readFileSync(path.join(root, file), "utf8");
        for (const [, target = ""] of withoutCode(text).matchAll(/\]\(([^)#\s]+\.md)(?:#[^)\s]*)?\)/g)) {
            if (!target.includes("://")) visit(path.posix.join(path.posix.dirname(file), target));
        }
    };
    visit("README.md");
    expect(documents.filter((file) => !reached.has(file))).toEqual([]);
});

test("a broken link, an unknown heading, an unknown script and a missing file are found", () => {
    expect(brokenLinks("README.md", "[a](docs/none.md) [b](README.md#none) [c](LICENSE)")).toEqual([
        "docs/none.md",
        "README.md#none",
    ]);
    expect(unknownScripts("`npm run deploy`, `npm run -s env`, `npm run nothing`", scripts)).toEqual(["nothing"]);
    expect(missingFiles("`release/none.ts` and `release/types.ts`")).toEqual(["release/none.ts"]);
});
