/** Placeholders, versions and generated values. */
import { describe, expect, test } from "@jest/globals";
import { jwtVerify } from "jose";
import { PlumblineError } from "../../../release/errors.ts";
import {
    generateSecrets,
    placeholderOf,
    placeholdersIn,
    secretVersions,
    substituteDeep,
    substituteSecrets,
} from "../../../release/secrets.ts";
import type { SecretSource } from "../../../release/types.ts";

const sources: Record<string, SecretSource> = {
    PASSWORD: { type: "generate", length: 32 },
    SIGNING: { type: "generate", length: 48 },
    KEY: { type: "jwt", role: "anon", signedWith: "SIGNING" },
    OTHER_KEY: { type: "jwt", role: "service_role", signedWith: "SIGNING" },
};

describe("placeholders", () => {
    test("are found anywhere in a value, each once, sorted", () => {
        const value = { b: ["x<secret:B>y<secret:A>"], c: { d: placeholderOf("B") }, e: 1, f: null };
        expect(placeholdersIn(value)).toEqual(["A", "B"]);
        expect(placeholdersIn("secret:A <secret:> <secret:1A>")).toEqual([]);
        expect(placeholdersIn(undefined)).toEqual([]);
    });

    test("give way to the values, in text and deep inside a value", () => {
        const values = { A: "one", B: "two" };
        expect(substituteSecrets("p://<secret:A>:<secret:B>@h/<secret:A>", values)).toBe("p://one:two@h/one");
        expect(substituteDeep({ a: ["<secret:A>", 1], b: { c: null, d: true } }, values)).toEqual({
            a: ["one", 1],
            b: { c: null, d: true },
        });
    });

    test("a value that looks like a pattern or a placeholder is put in as it is", () => {
        expect(substituteSecrets("<secret:A>", { A: "$& $1 <secret:B>" })).toBe("$& $1 <secret:B>");
    });

    test("a missing value is an error that names the secret", () => {
        expect(() => substituteSecrets("<secret:LOST>", { A: "one" })).toThrow(/LOST has no value/);
        expect(() => substituteSecrets("<secret:toString>", {})).toThrow(PlumblineError);
    });
});

describe("versions", () => {
    test("of generated secrets follow the credentials version, those of keys their signing secret", () => {
        const first = secretVersions(sources, {}, "local", 1);
        const second = secretVersions(sources, {}, "local", 2);
        expect(first).toMatchObject({ PASSWORD: "g1", SIGNING: "g1" });
        expect(second).toMatchObject({ PASSWORD: "g2", SIGNING: "g2" });
        expect(first.KEY).toMatch(/^d[0-9a-f]{8}$/);
        expect(first.KEY).not.toBe(second.KEY);
        expect(first.KEY).not.toBe(first.OTHER_KEY);
    });

    test("of given secrets change with the value, the name and the stack, and hold nothing of the value", () => {
        const version = (stack: string, name: string, value: string) =>
            secretVersions({ [name]: { type: "generate", length: 32 } }, { [name]: value }, stack, 1)[name];
        const versions = [
            version("staging", "A", "value-one"),
            version("staging", "A", "value-two"),
            version("staging", "B", "value-one"),
            version("production", "A", "value-one"),
        ];
        expect(new Set(versions).size).toBe(4);
        for (const text of versions) expect(text).toMatch(/^c[0-9a-f]{8}$/);
        expect(version("staging", "A", "value-one")).toBe(versions[0]);
    });

    test("a key changes with a given signing secret, and is its own when it is given itself", () => {
        const derived = secretVersions(sources, { SIGNING: "s".repeat(40) }, "staging", 1);
        const other = secretVersions(sources, { SIGNING: "t".repeat(40) }, "staging", 1);
        expect(derived.KEY).not.toBe(other.KEY);
        expect(secretVersions(sources, { KEY: "a.b.c" }, "staging", 1).KEY).toMatch(/^c/);
    });

    test("a key that is signed with an unknown secret is refused", () => {
        const broken: Record<string, SecretSource> = { KEY: { type: "jwt", role: "anon", signedWith: "NONE" } };
        expect(() => secretVersions(broken, {}, "local", 1)).toThrow(/KEY is signed with NONE/);
    });
});

describe("generated secrets", () => {
    test("are passwords of letters and digits of the declared length, all different", async () => {
        const values = await generateSecrets(sources, {});
        expect(values.PASSWORD).toMatch(/^[A-Za-z0-9]{32}$/);
        expect(values.SIGNING).toMatch(/^[A-Za-z0-9]{48}$/);
        const again = await generateSecrets(sources, {});
        expect(again.PASSWORD).not.toBe(values.PASSWORD);
    });

    test("use the given source of randomness over the whole alphabet", async () => {
        let next = 0;
        const values = await generateSecrets({ P: { type: "generate", length: 62 } }, {}, (below) => next++ % below);
        expect(new Set(values.P).size).toBe(62);
    });

    test("are keys with role, issuer and fixed times, signed with the signing secret, the same at every call", async () => {
        const given = { SIGNING: "s".repeat(48) };
        const { KEY = "" } = await generateSecrets(sources, given);
        const { payload, protectedHeader } = await jwtVerify(KEY, new TextEncoder().encode(given.SIGNING));
        expect(protectedHeader.alg).toBe("HS256");
        expect(payload).toEqual({ role: "anon", iss: "plumbline", iat: 1735689600, exp: 2051222400 });
        expect((await generateSecrets(sources, given)).KEY).toBe(KEY);
        await expect(jwtVerify(KEY, new TextEncoder().encode("t".repeat(48)))).rejects.toThrow();
    });

    test("are the same keys as the ones that .env holds for plain compose", async () => {
        const { readFile } = await import("node:fs/promises");
        const lines = (await readFile(".env", "utf8")).split("\n").filter((line) => /^[A-Z_]+=/.test(line));
        const env = Object.fromEntries(
            lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
        );
        const made = await generateSecrets(
            {
                JWT_SECRET: { type: "generate", length: 48 },
                ANON_KEY: { type: "jwt", role: "anon", signedWith: "JWT_SECRET" },
                SERVICE_ROLE_KEY: { type: "jwt", role: "service_role", signedWith: "JWT_SECRET" },
            },
            { JWT_SECRET: env.JWT_SECRET ?? "" },
        );
        expect(made).toMatchObject({ ANON_KEY: env.ANON_KEY, SERVICE_ROLE_KEY: env.SERVICE_ROLE_KEY });
    });

    test("give way to given values", async () => {
        const values = await generateSecrets(sources, { PASSWORD: "mine", KEY: "a.b.c" });
        expect(values).toMatchObject({ PASSWORD: "mine", KEY: "a.b.c" });
    });
});
