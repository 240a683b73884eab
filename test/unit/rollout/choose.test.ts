/** Which release a plan is about: the baseline's, a pinned one, one that was asked for, or the last known good one. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import { describe, expect, test } from "@jest/globals";
import type { Engine, ImageFacts } from "../../../engine/docker.ts";
import { PlumblineError } from "../../../release/errors.ts";
import { canonicalJson } from "../../../release/revision.ts";
import type { Release } from "../../../release/types.ts";
import { type Choice, chooseRelease } from "../../../rollout/choose.ts";
import type { CommitRecord, LedgerState, OpenTransaction, QuarantineRecord } from "../../../rollout/ledger.ts";
import { processStartTime } from "../../../rollout/process.ts";
import { declaredAll, declaredEdge, sampleRelease, sampleService, sampleServices } from "./sample-release.ts";

/** Each release has its own images, so that an image tells whose it is. */
function releaseOf(id: string): Release {
    const services = sampleServices().map((service) => ({
        ...service,
        image: { ...service.image, reference: `plumbline/${service.name}:${id}` },
    }));
    return sampleRelease(services, { id });
}

const baseline = releaseOf("0000000000bb");
const good = releaseOf("00000000a11a");
const older = releaseOf("0000000001de");

const imageId = (reference: string) => `sha256:id-of-${reference}`;

function commitOf(release: Release, sequence: number): CommitRecord {
    return {
        sequence,
        release: release.id,
        edge: declaredEdge,
        containers: declaredAll(release),
        images: Object.fromEntries(release.services.map(({ name, image }) => [name, imageId(image.reference)])),
        transaction: `tx-${sequence}`,
        previous: null,
        at: "2026-11-24T17:53:01.123Z",
        forced: false,
    };
}

const quarantineOf = (release: string): QuarantineRecord => ({
    release,
    transaction: "tx-20261124T175301-3f9c",
    reason: "api exited with code 1\n  Its last log lines: …",
    at: "2026-11-24T17:53:01.123Z",
    liftedBy: null,
});

const pinned = { release: older.id, by: "ada@workshop", at: "2026-11-24T18:00:00.000Z" };

interface Given extends Partial<LedgerState> {
    readonly env?: Record<string, string>;
    readonly isPreview?: boolean;
    /** Other image ids than those that were committed, by reference; undefined where the image is gone. */
    readonly images?: Readonly<Record<string, string | undefined>>;
}

/** Chooses with a ledger that has committed `older`, then `good`. */
function choose({ env = {}, isPreview = false, images = {}, ...state }: Given = {}): Promise<Choice> {
    const commits = [commitOf(good, 2), commitOf(older, 1)];
    const engine: Pick<Engine, "image"> = {
        image: async (reference) => {
            const id = Object.hasOwn(images, reference) ? images[reference] : imageId(reference);
            return id === undefined ? undefined : ({ id } as ImageFacts);
        },
    };
    const texts = new Map([good, older, baseline].map((release) => [release.id, canonicalJson(release)]));
    const ledger = {
        state: async () => ({ open: undefined, lastCommit: commits[0], quarantine: {}, pin: undefined, ...state }),
        commits: async () => commits,
        releaseText: async (id: string) => texts.get(id),
    };
    return chooseRelease(baseline, { engine, ledger, env, isPreview });
}

async function refusalOf(given: Given): Promise<PlumblineError> {
    const error = await choose(given).then(
        (choice) => new Error(`it chose ${choice.release.id}`),
        (reason: unknown) => reason,
    );
    if (error instanceof PlumblineError) return error;
    throw error;
}

describe("the release of a plan", () => {
    test("is the baseline's, without a word, where nothing stands against it", async () => {
        for (const isPreview of [true, false]) {
            expect(await choose({ isPreview })).toEqual({
                release: baseline,
                text: canonicalJson(baseline),
                notes: [],
                abandoned: undefined,
                renewals: {},
                lastCommit: commitOf(good, 2),
            });
        }
    });

    test("is the baseline's where nothing was ever deployed", async () => {
        expect((await choose({ lastCommit: undefined })).release.id).toBe(baseline.id);
    });

    test("is the baseline's when another release is in quarantine", async () => {
        const choice = await choose({ quarantine: { "0000000000ff": quarantineOf("0000000000ff") } });
        expect([choice.release.id, choice.notes]).toEqual([baseline.id, []]);
    });
});

describe("without an engine", () => {
    const none = {
        engine: { image: async () => Promise.reject(new Error("nobody is to be asked")) },
        ledger: {
            state: async () => Promise.reject(new Error("nobody is to be asked")),
            commits: async () => [],
            releaseText: async () => undefined,
        },
        isReached: false,
        isPreview: true,
    };

    test("the release is the baseline's, and nobody is asked [R10]", async () => {
        expect(await chooseRelease(baseline, { ...none, env: {} })).toEqual({
            release: baseline,
            text: canonicalJson(baseline),
            notes: [],
            abandoned: undefined,
            renewals: {},
        });
    });

    test("a release that a command asks for cannot be looked up", async () => {
        const refused = chooseRelease(baseline, { ...none, env: { PLUMBLINE_RELEASE: good.id } });
        await expect(refused).rejects.toThrow(`release ${good.id} cannot be looked up without the Docker engine`);
    });
});

describe("a release in quarantine", () => {
    const quarantine = { [baseline.id]: quarantineOf(baseline.id) };

    test("is refused to an update, with the transaction, the first line of its reason and the way out [R98]", async () => {
        const refusal = await refusalOf({ quarantine });
        expect(refusal.category).toBe("rollback");
        expect(refusal.message).toBe(
            `release ${baseline.id} was undone by transaction tx-20261124T175301-3f9c on 2026-11-24T17:53:01.123Z: api exited with code 1`,
        );
        expect(refusal.format()).toContain("--force");
    });

    test("is refused to an update also where nothing was ever committed", async () => {
        expect((await refusalOf({ quarantine, lastCommit: undefined })).message).toContain("was undone by");
    });

    test("gives way to the last known good one in a preview, which says both", async () => {
        const choice = await choose({ quarantine, isPreview: true });
        expect([choice.release, choice.text]).toEqual([good, canonicalJson(good)]);
        expect(choice.notes).toEqual([
            expect.stringContaining("tx-20261124T175301-3f9c"),
            `the plan shows the last known good release ${good.id}`,
        ]);
    });

    test("is shown in a preview where there is no good one, with what stands against it", async () => {
        const choice = await choose({ quarantine, isPreview: true, lastCommit: undefined });
        expect(choice.release).toEqual(baseline);
        expect(choice.notes).toEqual([expect.stringMatching(/^quarantined: /)]);
    });

    test("is taken when it is forced by its id, and not by another's", async () => {
        const forced = await choose({ quarantine, env: { PLUMBLINE_FORCE: baseline.id } });
        expect([forced.release, forced.notes]).toEqual([baseline, []]);
        for (const other of [good.id, "", "true"])
            expect((await refusalOf({ quarantine, env: { PLUMBLINE_FORCE: other } })).category).toBe("rollback");
    });
});

describe("a pinned release", () => {
    test("is the one of every plan and every update, which say by whom, since when and how it ends [R98]", async () => {
        for (const isPreview of [true, false]) {
            const choice = await choose({ pin: pinned, isPreview });
            expect([choice.release, choice.text]).toEqual([older, canonicalJson(older)]);
            expect(choice.notes).toEqual([
                `pinned to release ${older.id} by ada@workshop since 2026-11-24T18:00:00.000Z; \`npm run deploy -- --unpin\` ends it`,
            ]);
        }
    });

    test("does not hold the one run that names it as unpinned, and no other", async () => {
        const choice = await choose({ pin: pinned, env: { PLUMBLINE_UNPIN: older.id } });
        expect([choice.release, choice.notes]).toEqual([baseline, []]);
        expect((await choose({ pin: pinned, env: { PLUMBLINE_UNPIN: good.id } })).release.id).toBe(older.id);
        const quarantine = { [baseline.id]: quarantineOf(baseline.id) };
        const refusal = await refusalOf({ pin: pinned, quarantine, env: { PLUMBLINE_UNPIN: older.id } });
        expect(refusal.message).toContain("was undone by");
    });

    test("stands over a quarantine of the baseline's", async () => {
        const quarantine = { [baseline.id]: quarantineOf(baseline.id) };
        expect((await choose({ pin: pinned, quarantine })).release.id).toBe(older.id);
    });

    test("that was never committed is refused, with where to look", async () => {
        const refusal = await refusalOf({ pin: { ...pinned, release: baseline.id } });
        expect(refusal.message).toBe(`release ${baseline.id} was never committed here`);
        expect(refusal.format()).toContain("npm run releases");
        expect((await refusalOf({ pin: { ...pinned, release: "0000000000ff" } })).message).toContain("never committed");
    });
});

describe("a release that a command asks for", () => {
    test("goes over the baseline's and over a pin, without the word of the pin", async () => {
        const env = { PLUMBLINE_RELEASE: good.id };
        expect(await choose({ env })).toMatchObject({ release: good, text: canonicalJson(good), notes: [] });
        expect(await choose({ env, pin: pinned })).toMatchObject({ release: good, notes: [] });
    });

    test("that was never committed is refused", async () => {
        expect((await refusalOf({ env: { PLUMBLINE_RELEASE: "0000000000ff" } })).message).toContain("never committed");
    });
});

describe("containers that are made anew in their revision", () => {
    const asked = (names: string, given: Given = {}) =>
        choose({ ...given, env: { PLUMBLINE_RELEASE: good.id, PLUMBLINE_RENEW: names, ...given.env } });
    const renewed = (renewals: Record<string, number>) => ({ ...commitOf(good, 2), renewals });

    test("are those that are asked for, and no others, in a preview too [R31]", async () => {
        for (const isPreview of [true, false]) {
            const { release, renewals } = await asked("api, edge", { isPreview });
            expect([release, renewals]).toEqual([good, { "api-00000001": 1, "edge-0000000e": 1 }]);
        }
    });

    test("keep their names in every later plan, as long as their revision stays [R31]", async () => {
        const lastCommit = renewed({ "api-00000001": 2, "worker-0000aaaa": 1 });
        const env = { PLUMBLINE_RELEASE: good.id };
        expect((await choose({ lastCommit, env })).renewals).toEqual({ "api-00000001": 2 });
        // The baseline has the same revision of the api.
        expect((await choose({ lastCommit })).renewals).toEqual({ "api-00000001": 2 });
        expect((await asked("api", { lastCommit })).renewals).toEqual({ "api-00000001": 3 });
    });

    test("of a service that the release does not have are refused, with a near name [R31]", async () => {
        const refusal = await refusalOf({ env: { PLUMBLINE_RELEASE: good.id, PLUMBLINE_RENEW: "api,workr" } });
        expect(refusal.category).toBe("settings");
        expect(refusal.message).toContain(`workr, which release ${good.id} does not have (did you mean worker?)`);
    });

    test("of a release that does not run are refused: another one may run since somebody looked [R31]", async () => {
        const older = { PLUMBLINE_RELEASE: "0000000001de", PLUMBLINE_RENEW: "api" };
        for (const given of [
            { env: older },
            { env: { PLUMBLINE_RENEW: "api" } },
            { env: older, lastCommit: undefined },
        ]) {
            const refusal = await refusalOf(given);
            expect([refusal.category, refusal.message]).toEqual([
                "rollback",
                expect.stringContaining("cannot be made anew"),
            ]);
        }
    });

    test("are refused when the image that was committed is another one by now [R31] [R95]", async () => {
        const env = { PLUMBLINE_RELEASE: good.id, PLUMBLINE_RENEW: "api" };
        const refusal = await refusalOf({ env, images: { [`plumbline/api:${good.id}`]: "sha256:moved" } });
        expect(refusal.category).toBe("image");
    });
});

describe("F2: a release that is put back", () => {
    const env = { PLUMBLINE_RELEASE: good.id };
    const reference = `plumbline/api:${good.id}`;

    test("is refused when the image of a service is gone, by service and image [R95]", async () => {
        for (const { name, image } of good.services) {
            const refusal = await refusalOf({ env, images: { [image.reference]: undefined } });
            expect([refusal.category, refusal.service]).toEqual(["image", name]);
            expect(refusal.message).toContain(`its image ${image.reference} is gone`);
        }
    });

    test("is refused when a reference is another image by now, with its id [R95]", async () => {
        const refusal = await refusalOf({ env, images: { [reference]: "sha256:moved" } });
        expect([refusal.category, refusal.service]).toEqual(["image", "api"]);
        expect(refusal.message).toContain(`its image ${reference} is another one now (sha256:moved)`);
    });

    test("is refused when the image of the edge is gone", async () => {
        const refusal = await refusalOf({ env, images: { [good.edge.image.reference]: undefined } });
        expect(refusal.message).toContain(`its image ${good.edge.image.reference} is gone`);
    });

    test("is refused as a pinned one, and as the good one of a preview, too", async () => {
        const moved = { images: { [`plumbline/api:${older.id}`]: "sha256:moved" }, pin: pinned };
        expect((await refusalOf(moved)).category).toBe("image");
        const quarantine = { [baseline.id]: quarantineOf(baseline.id) };
        const gone = { images: { [reference]: undefined }, quarantine, isPreview: true };
        expect((await refusalOf(gone)).category).toBe("image");
    });

    test("is not asked for the images of others", async () => {
        const images = { [`plumbline/api:${baseline.id}`]: undefined, [`plumbline/api:${older.id}`]: "sha256:moved" };
        expect((await choose({ env, images })).release.id).toBe(good.id);
    });
});

describe("a transaction that is open", () => {
    const openBy = (owner: Pick<OpenTransaction, "host" | "pid" | "pidStart">): OpenTransaction => ({
        transaction: "tx-open",
        epoch: 1,
        to: "0000000000ff",
        user: "ada",
        since: "2026-11-24T18:00:00.000Z",
        ...owner,
    });
    const alive = { host: hostname(), pid: process.pid, pidStart: processStartTime(process.pid) };
    const elsewhere = { host: "another-machine.example", pid: 1, pidStart: "1" };

    /** A process of this machine that has ended. */
    async function dead() {
        const child = spawn("true", [], { stdio: "ignore" });
        await once(child, "exit");
        return { host: hostname(), pid: child.pid ?? 0, pidStart: "1" };
    }

    test.each([
        ["a living deployer", alive],
        ["a deployer of another machine", elsewhere],
    ])("of %s refuses an update, with who and since when; a preview only says it", async (_, owner) => {
        const open = openBy(owner);
        const refusal = await refusalOf({ open });
        expect(refusal.category).toBe("rollback");
        expect(refusal.message).toBe(
            `sample: transaction tx-open of ada@${owner.host} (process ${owner.pid}) has been under way since 2026-11-24T18:00:00.000Z`,
        );
        const shown = await choose({ open, isPreview: true });
        expect(shown.release.id).toBe(baseline.id);
        expect(shown.abandoned).toBeUndefined();
        expect(shown.notes).toEqual([expect.stringContaining("tx-open of ada@")]);
    });

    test("of a living deployer refuses what a pin or a command wants as well", async () => {
        const open = openBy(alive);
        expect((await refusalOf({ open, pin: pinned })).message).toContain("tx-open");
        expect((await refusalOf({ open, env: { PLUMBLINE_RELEASE: good.id } })).message).toContain("tx-open");
    });

    test("of a dead deployer is told as abandoned, whichever release is chosen", async () => {
        const open = openBy(await dead());
        const quarantine = { [baseline.id]: quarantineOf(baseline.id) };
        const ways: Given[] = [
            {},
            { isPreview: true },
            { pin: pinned },
            { env: { PLUMBLINE_RELEASE: good.id } },
            { quarantine, env: { PLUMBLINE_FORCE: baseline.id } },
            { quarantine, isPreview: true },
        ];
        for (const way of ways) {
            const choice = await choose({ open, ...way });
            expect(choice.abandoned).toBe("tx-open");
            expect(choice.notes.join("\n")).toContain("tx-open of a deployer that is gone is still open");
        }
    });
});

test("an image that the baseline only pulls is judged like one that it builds", async () => {
    const pulled = sampleRelease([
        sampleService("cache", "stateful", [], { image: { kind: "pulled", reference: "redis:7" } }),
    ]);
    const record = { ...commitOf(pulled, 1), images: { cache: "sha256:committed" } };
    const now = (id: string): Parameters<typeof chooseRelease>[1] => ({
        engine: { image: async () => ({ id }) as ImageFacts },
        ledger: {
            state: async () => ({ open: undefined, lastCommit: record, quarantine: {}, pin: undefined }),
            commits: async () => [record],
            releaseText: async () => canonicalJson(pulled),
        },
        env: { PLUMBLINE_RELEASE: pulled.id },
        isPreview: false,
    });
    expect((await chooseRelease(baseline, now("sha256:committed"))).release).toEqual(pulled);
    await expect(chooseRelease(baseline, now("sha256:other"))).rejects.toThrow("is another one now (sha256:other)");
});
