/** What the `Credentials` resource generates, keeps, takes as given, and derives. */
import { createHmac } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { enginePolicy } from "../../../engine/retry.ts";
import { provider } from "../../../providers/credentials.provider.ts";
import { secretVersions } from "../../../release/secrets.ts";
import type { SecretSource } from "../../../release/types.ts";
import { DeafEngine } from "../../support/deaf-engine.ts";

const sources: Record<string, SecretSource> = {
    DB_PASSWORD: { type: "generate", length: 32 },
    JWT_SECRET: { type: "generate", length: 48 },
    ANON_KEY: { type: "jwt", role: "anon", signedWith: "JWT_SECRET" },
    SERVICE_ROLE_KEY: { type: "jwt", role: "service_role", signedWith: "JWT_SECRET" },
};

type Inputs = Parameters<typeof provider.create>[0];
type Outputs = Awaited<ReturnType<typeof provider.create>>["outs"];

/** What a test changes; `version` is the number of the stack's generated credentials. */
interface Change extends Partial<Inputs> {
    readonly version?: number;
}

/** The inputs as the program gives them: the versions follow from the rest, as in a release. */
function inputsOf({ version = 1, ...change }: Change = {}): Inputs {
    const own = { sources, given: {}, ...change };
    return { versions: secretVersions(own.sources, own.given, "local", version), ...own };
}

const created = async (change: Change = {}): Promise<Outputs> => (await provider.create(inputsOf(change))).outs;

const updatedAll = async (olds: Outputs, change: Change): Promise<Outputs> =>
    (await provider.update("credentials", olds, inputsOf(change))).outs;

const updated = async (olds: Outputs, change: Change): Promise<Record<string, string>> =>
    (await updatedAll(olds, change)).values;

/** The claims of a key whose signature is right. */
function claimsOf(token: string | undefined, secret: string | undefined): Record<string, unknown> {
    const [head = "", body = "", signature] = (token ?? "").split(".");
    const right = createHmac("sha256", secret ?? "")
        .update(`${head}.${body}`)
        .digest("base64url");
    if (signature !== right) throw new Error("the signature is wrong");
    return JSON.parse(Buffer.from(body, "base64url").toString("utf8")) as Record<string, unknown>;
}

describe("credentials", () => {
    test("that nobody gave are generated, with the length that the baseline asks for [R05]", async () => {
        const { values } = await created();
        expect(Object.keys(values).sort()).toEqual(Object.keys(sources).sort());
        expect(values.DB_PASSWORD).toMatch(/^[A-Za-z0-9]{32}$/);
        expect(values.JWT_SECRET).toMatch(/^[A-Za-z0-9]{48}$/);
        expect((await created()).values.DB_PASSWORD).not.toBe(values.DB_PASSWORD);
    });

    test("that are keys carry their role and are signed with the signing secret [R05]", async () => {
        const { values } = await created();
        expect(claimsOf(values.ANON_KEY, values.JWT_SECRET)).toEqual({
            role: "anon",
            iss: "plumbline",
            iat: 1735689600,
            exp: 2051222400,
        });
        expect(claimsOf(values.SERVICE_ROLE_KEY, values.JWT_SECRET)).toMatchObject({ role: "service_role" });
        expect(() => claimsOf(values.ANON_KEY, "another secret")).toThrow("the signature is wrong");
    });

    test("are kept over updates", async () => {
        const olds = await created();
        expect(await updated(olds, {})).toEqual(olds.values);
    });

    test("are kept from a state that was written before versions were remembered, also for a way back", async () => {
        const { known: _, ...before } = await created();
        const olds = before as Outputs;
        expect(await updated(olds, {})).toEqual(olds.values);
        const raised = await updatedAll(olds, { version: 2 });
        expect(raised.values).not.toEqual(olds.values);
        expect(await updated(raised, { version: 1 })).toEqual(olds.values);
    });

    test("are all new when the version is raised, and the keys with them", async () => {
        const olds = await created();
        const values = await updated(olds, { version: 2 });
        for (const name of Object.keys(sources))
            expect([name, values[name] === olds.values[name]]).toEqual([name, false]);
        expect(claimsOf(values.ANON_KEY, values.JWT_SECRET)).toMatchObject({ role: "anon" });
    });

    test("that are added are the only new ones; those that are no longer asked for are gone", async () => {
        const olds = await created();
        const { DB_PASSWORD: _, ...rest } = sources;
        const values = await updated(olds, { sources: { ...rest, REDIS_PASSWORD: { type: "generate", length: 20 } } });
        const { DB_PASSWORD: gone, ...kept } = olds.values;
        expect(values).toEqual({ ...kept, REDIS_PASSWORD: values.REDIS_PASSWORD });
        expect(values.REDIS_PASSWORD).toMatch(/^[A-Za-z0-9]{20}$/);
        expect(Object.values(values)).not.toContain(gone);
    });

    test("that are given win, at creation and over what was generated before", async () => {
        const given = { DB_PASSWORD: "given-by-a-person" };
        const olds = await created();
        expect((await created({ given })).values.DB_PASSWORD).toBe("given-by-a-person");
        expect(await updated(olds, { given })).toEqual({ ...olds.values, ...given });
        expect((await updated(await created({ version: 2 }), { given })).DB_PASSWORD).toBe("given-by-a-person");
    });

    test("that are keys follow a signing secret that is given, unless they are given themselves", async () => {
        const given = { JWT_SECRET: "a-given-secret-of-at-least-32-characters", SERVICE_ROLE_KEY: "a-given-key" };
        const values = await updated(await created(), { given });
        expect(claimsOf(values.ANON_KEY, given.JWT_SECRET)).toMatchObject({ role: "anon" });
        expect(values.SERVICE_ROLE_KEY).toBe("a-given-key");
    });

    test("that are given no longer are generated, not kept as if they had been", async () => {
        const olds = await created({ given: { DB_PASSWORD: "given-by-a-person" } });
        const values = await updated(olds, {});
        expect(values.DB_PASSWORD).toMatch(/^[A-Za-z0-9]{32}$/);
        expect(values).toEqual({ ...olds.values, DB_PASSWORD: values.DB_PASSWORD });
    });

    test("that are signed with a secret nobody declares are refused by name", async () => {
        const broken: Record<string, SecretSource> = { ANON_KEY: { type: "jwt", role: "anon", signedWith: "NOBODY" } };
        await expect(created({ sources: broken, versions: {} })).rejects.toThrow(/ANON_KEY is signed with NOBODY/);
    });

    test("do not change on the way through check, read and delete", async () => {
        const olds = await created();
        const inputs = inputsOf();
        expect(await provider.check(inputs, inputs)).toEqual({ inputs });
        expect(await provider.read("credentials", olds)).toEqual({ id: "credentials", props: olds });
        expect(await provider.delete("credentials", olds)).toBeUndefined();
    });

    test("that the state has are planned without a question to the engine", async () => {
        const ledger = { project: "sample", image: "none", engineHost: "unix:///no-engine-of-credentials.sock" };
        const news = { ...inputsOf(), ledger };
        expect(await provider.check(inputsOf(), news)).toEqual({ inputs: news });
    });

    test("that the state does not have ask the ledger with the stack's own repeats [R21]", async () => {
        const deaf = await DeafEngine.listen();
        try {
            const network = { timeoutMs: 1_000, retry: { ...enginePolicy, attempts: 2, firstDelayMs: 1 } };
            const ledger = { project: "sample", image: "none", network, engineHost: deaf.host };
            await expect(provider.check({} as Inputs, { ...inputsOf(), ledger })).rejects.toThrow("does not answer");
            expect([new Set(deaf.calls).size, deaf.calls.length]).toEqual([1, 2]);
        } finally {
            await deaf.close();
        }
    });

    test("are clean JSON, since an undefined member fails after the act", async () => {
        const outs = await created();
        expect(JSON.parse(JSON.stringify(outs))).toEqual(outs);
        expect(Object.values(outs)).not.toContain(undefined);
    });
});

describe("the values of a release that is put back", () => {
    test("are those that it ran with, keys included, also after the version was raised [R95]", async () => {
        const first = await created();
        const second = await updatedAll(first, { version: 2 });
        expect(second.values).not.toEqual(first.values);
        expect(await updated(second, { version: 1 })).toEqual(first.values);
        const third = await updatedAll(await updatedAll(second, { version: 1 }), { version: 2 });
        expect(third.values).toEqual(second.values);
    });

    test("are those that it ran with, also when another value is given by now", async () => {
        const first = await created();
        const given = { DB_PASSWORD: "given-by-a-person" };
        const second = await updatedAll(first, { given });
        const { versions } = first;
        expect(await updated(second, { given, versions })).toEqual(first.values);
    });

    test("are the given ones too, when nobody gives them any more", async () => {
        const first = await created({ given: { DB_PASSWORD: "given-by-a-person" } });
        const second = await updatedAll(first, {});
        expect(second.values.DB_PASSWORD).not.toBe("given-by-a-person");
        expect(await updated(second, { versions: first.versions })).toEqual(first.values);
    });

    test("are those of a secret that was not declared for a while", async () => {
        const first = await created();
        const { DB_PASSWORD: _, ...rest } = sources;
        const without = await updatedAll(first, { sources: rest });
        expect(Object.keys(without.values)).not.toContain("DB_PASSWORD");
        expect(await updated(without, {})).toEqual(first.values);
    });

    test("are remembered for the last ten versions and no longer, the present one always", async () => {
        const first = await created();
        let outs = first;
        for (let version = 2; version <= 11; version += 1) outs = await updatedAll(outs, { version });
        const versionsOf = (name: string) => Object.keys(outs.known[name] ?? {});
        expect(versionsOf("DB_PASSWORD")).toEqual(Array.from({ length: 10 }, (_, index) => `g${index + 2}`));
        for (const name of Object.keys(sources)) {
            expect([name, versionsOf(name).length]).toEqual([name, 10]);
            expect(outs.known[name]?.[outs.versions[name] ?? ""]).toBe(outs.values[name]);
        }
        expect((await updated(outs, { version: 1 })).DB_PASSWORD).not.toBe(first.values.DB_PASSWORD);
        // What was used last is forgotten last, even when it is an old version.
        outs = await updatedAll(await updatedAll(outs, { version: 2 }), { version: 12 });
        expect(versionsOf("DB_PASSWORD")).toContain("g2");
        expect(versionsOf("DB_PASSWORD")).not.toContain("g3");
    });

    test("that are keys fit the signing secret of the same release", async () => {
        const first = await created();
        const second = await updatedAll(first, { version: 2 });
        const back = await updated(second, { version: 1 });
        expect(claimsOf(back.ANON_KEY, first.values.JWT_SECRET)).toMatchObject({ role: "anon" });
        expect(() => claimsOf(back.ANON_KEY, second.values.JWT_SECRET)).toThrow("the signature is wrong");
    });
});

describe("the plan of credentials", () => {
    const changes = async (olds: Outputs, news: Change) =>
        (await provider.diff("credentials", olds, inputsOf(news))).changes;

    test("shows no change when nothing has changed, in whatever order it stands", async () => {
        const olds = await created();
        const reversed = Object.fromEntries(Object.entries(sources).reverse());
        expect(await changes(olds, {})).toBe(false);
        expect(await changes(olds, { sources: reversed })).toBe(false);
    });

    test("shows no change for how the ledger is asked, which a state of an earlier version does not have", async () => {
        const ledger = { project: "sample", image: "none" };
        const network = { timeoutMs: 1_000, retry: enginePolicy };
        expect(await changes(await created({ ledger }), { ledger: { ...ledger, network } })).toBe(false);
    });

    const seeded: readonly [string, Change][] = [
        ["the version is raised", { version: 2 }],
        ["a secret is added", { sources: { ...sources, NEW: { type: "generate", length: 12 } } }],
        ["a length is changed", { sources: { ...sources, DB_PASSWORD: { type: "generate", length: 33 } } }],
        [
            "a role is changed",
            { sources: { ...sources, ANON_KEY: { type: "jwt", role: "other", signedWith: "JWT_SECRET" } } },
        ],
        ["a value is given", { given: { DB_PASSWORD: "given-by-a-person" } }],
    ];
    test.each(seeded)("shows a change when %s, and never a replacement", async (_, news) => {
        const result = await provider.diff("credentials", await created(), inputsOf(news));
        expect(result).toEqual({ changes: true, deleteBeforeReplace: false });
    });
});
