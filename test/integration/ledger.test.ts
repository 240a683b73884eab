/** The ledger on the real engine: who may act, what was committed, and what of it is damaged. Nothing is ever started. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { hostname, tmpdir, userInfo } from "node:os";
import path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { connectEngine } from "../../engine/docker.ts";
import { PlumblineError } from "../../release/errors.ts";
import { canonicalJson } from "../../release/revision.ts";
import { Ledger, type OpenTransaction, TransactionLost } from "../../rollout/ledger.ts";
import { processStartTime } from "../../rollout/process.ts";
import { EngineDoor } from "../support/engine-door.ts";
import { declaredAll, declaredEdge, sampleRelease } from "../unit/rollout/sample-release.ts";
import { buildImage } from "./edge/stage.ts";

// A busy engine takes its time to create and remove containers.
jest.setTimeout(120_000);

const engine = connectEngine();
let image: string;
let project: string;

beforeAll(async () => {
    image = await buildImage("edge");
});

beforeEach(() => {
    project = `ledger-test-${randomBytes(4).toString("hex")}`;
});

afterEach(async () => {
    for (const { id } of await engine.list({ "plumbline.project": project })) await engine.remove(id);
    if ((await engine.volume(`${project}_ledger`)) !== undefined) await engine.removeVolume(`${project}_ledger`);
});

/** A ledger as another deployer of the same stack has it. */
const ledgerOf = () => new Ledger(engine, project, image);

async function opened(): Promise<Ledger> {
    const ledger = ledgerOf();
    await ledger.open();
    return ledger;
}

const wantedBy = (transaction: string) => ({
    transaction,
    to: "00000000a11a",
    since: "2026-11-24T17:53:01.123Z",
});

async function begun(ledger: Ledger, transaction = "tx-1"): Promise<OpenTransaction> {
    const answer = await ledger.begin(wantedBy(transaction));
    if ("mine" in answer) return answer.mine;
    throw new Error(`${answer.other.transaction} was in the way`);
}

const recordOf = (transaction: string, release = "00000000a11a") => ({
    release,
    edge: declaredEdge,
    containers: declaredAll(sampleRelease()),
    images: { api: "sha256:1" },
    transaction,
    previous: null,
    at: "2026-11-24T17:53:01.123Z",
    forced: false,
});

const roleOf = async (role: string) =>
    (await engine.list({ "plumbline.project": project, "plumbline.role": role })).map(({ name }) => name).sort();

describe("opening a transaction", () => {
    test("leaves none where the engine went away with the answer, and nobody is there to act in it [R90, R98]", async () => {
        const folder = await mkdtemp(path.join(tmpdir(), "plumbline-ledger-"));
        const socket = path.join(folder, "door.sock");
        const door = await EngineDoor.open(socket);
        await opened();
        const held = door.holdAnswer({ method: "POST", path: /\/containers\/create\?name=\S+-transaction-1/ });
        const begins = new Ledger(connectEngine(`unix://${socket}`), project, image).begin(wantedBy("tx-1"));
        begins.catch(() => undefined);
        await held.reached;
        expect((await ledgerOf().current())?.transaction).toBe("tx-1");
        await door.close();
        const again = await EngineDoor.open(socket);
        await expect(begins).rejects.toThrow("does not answer");
        expect(await ledgerOf().current()).toBeUndefined();
        expect(await begun(ledgerOf(), "tx-2")).toMatchObject({ transaction: "tx-2" });
        await again.close();
        await rm(folder, { recursive: true });
    });

    test("is won by one of many at once; the others learn who it was [R98]", async () => {
        await opened();
        const answers = await Promise.all(
            Array.from({ length: 8 }, (_, index) => ledgerOf().begin(wantedBy(`tx-${index}`))),
        );
        const winners = answers.flatMap((answer) => ("mine" in answer ? [answer.mine] : []));
        const others = answers.flatMap((answer) => ("other" in answer ? [answer.other] : []));
        expect(winners).toHaveLength(1);
        expect(others).toEqual(Array.from({ length: 7 }, () => winners[0]));
        expect(await ledgerOf().current()).toEqual(winners[0]);
    });

    test("says who opened it, from where, and since when", async () => {
        const mine = await begun(await opened());
        expect(mine).toEqual({
            ...wantedBy("tx-1"),
            epoch: 1,
            user: userInfo().username,
            host: hostname(),
            pid: process.pid,
            pidStart: processStartTime(process.pid),
        });
        expect(await ledgerOf().current()).toEqual(mine);
    });

    test("is possible again when it has ended, and leaves no container but the ledger's own", async () => {
        const ledger = await opened();
        await ledger.end(await begun(ledger));
        expect(await ledger.current()).toBeUndefined();
        expect(await roleOf("transaction")).toEqual([]);
        expect((await begun(ledger, "tx-2")).epoch).toBe(1);
    });

    test("can be prepared by several at once, and again", async () => {
        await Promise.all([opened(), opened(), opened()]);
        await opened();
        expect(await roleOf("ledger")).toEqual([`${project}-ledger`]);
    });
});

describe("taking a transaction over", () => {
    test("raises the epoch, and whoever held it may act no more [R98]", async () => {
        const ledger = await opened();
        const mine = await begun(ledger);
        await expect(ledger.assertHeld(mine)).resolves.toBeUndefined();
        const theirs = await ledgerOf().takeOver(mine);
        expect(theirs).toMatchObject({ transaction: "tx-1", epoch: 2, since: mine.since, to: mine.to });
        await expect(ledger.assertHeld(mine)).rejects.toBeInstanceOf(TransactionLost);
        await expect(ledger.assertHeld(theirs as OpenTransaction)).resolves.toBeUndefined();
        expect(await ledger.begin(wantedBy("tx-2"))).toEqual({ other: theirs });
    });

    test("is won by one of several at once, each time it is taken over", async () => {
        let open = await begun(await opened());
        for (const epoch of [2, 3]) {
            const takers = await Promise.all(Array.from({ length: 4 }, () => ledgerOf().takeOver(open)));
            const winners = takers.filter((taken) => taken !== undefined);
            expect(winners).toEqual([expect.objectContaining({ epoch })]);
            open = winners[0] as OpenTransaction;
        }
        expect(await ledgerOf().current()).toEqual(open);
    });

    test("is refused to whoever is late: taken over before, ended, or another one by now", async () => {
        const ledger = await opened();
        const mine = await begun(ledger);
        const theirs = (await ledger.takeOver(mine)) as OpenTransaction;
        expect(await ledger.takeOver(mine)).toBeUndefined();
        await ledger.end(theirs);
        expect(await ledger.takeOver(theirs)).toBeUndefined();
        await begun(ledger, "tx-2");
        expect(await ledger.takeOver(mine)).toBeUndefined();
        expect((await ledger.current())?.transaction).toBe("tx-2");
    });

    test("does not bring back what ends in that very moment", async () => {
        const ledger = await opened();
        const mine = await begun(ledger);
        // Its owner ends it after the look at it, and before the mark of the new owner.
        const create: typeof engine.create = async (options) => {
            await ledger.end(mine);
            return await engine.create(options);
        };
        const slow = new Proxy(engine, {
            get: (target, name) => {
                const value: unknown = name === "create" ? create : Reflect.get(target, name, target);
                return typeof value === "function" ? value.bind(target) : value;
            },
        });
        expect(await new Ledger(slow, project, image).takeOver(mine)).toBeUndefined();
        expect(await ledger.current()).toBeUndefined();
        expect(await roleOf("transaction")).toEqual([]);
    });

    test("is not undone by the one who held it: ending it then does nothing", async () => {
        const ledger = await opened();
        const mine = await begun(ledger);
        const theirs = (await ledger.takeOver(mine)) as OpenTransaction;
        await ledger.end(mine);
        expect(await ledger.current()).toEqual(theirs);
        await ledger.end(theirs);
        expect(await ledger.current()).toBeUndefined();
        expect(await roleOf("transaction")).toEqual([]);
        // Nor does it end the next one.
        const next = await begun(ledger, "tx-2");
        await ledger.end(mine);
        await ledger.end(theirs);
        expect(await ledger.current()).toEqual(next);
    });

    test("a transaction that has ended is lost to everybody", async () => {
        const ledger = await opened();
        const mine = await begun(ledger);
        await ledger.end(mine);
        await expect(ledger.assertHeld(mine)).rejects.toThrow("transaction tx-1 was taken over");
    });
});

describe("commits", () => {
    test("count up, and every deployer reads the same, the newest first", async () => {
        const ledger = await opened();
        for (const transaction of ["tx-1", "tx-2", "tx-3"]) await ledger.commit(recordOf(transaction));
        const last = { sequence: 3, ...recordOf("tx-3") };
        expect(await ledgerOf().lastCommit()).toEqual(last);
        expect((await ledgerOf().commits()).map(({ sequence, transaction }) => [sequence, transaction])).toEqual([
            [3, "tx-3"],
            [2, "tx-2"],
            [1, "tx-1"],
        ]);
        expect((await ledgerOf().state()).lastCommit).toEqual(last);
    });

    test("keep what was wanted: the release as it was written, and where it went", async () => {
        const ledger = await opened();
        const release = sampleRelease();
        const placement = { release: release.id, edge: declaredEdge, containers: declaredAll(release), images: {} };
        await ledger.recordTarget("tx-1", placement, canonicalJson(release));
        expect(await ledgerOf().target("tx-1")).toEqual(placement);
        expect(await ledgerOf().releaseText(release.id)).toBe(canonicalJson(release));
        expect(await ledgerOf().release(release.id)).toEqual(JSON.parse(canonicalJson(release)));
        expect(await ledger.target("tx-2")).toBeUndefined();
        expect(await ledger.releaseText("0000000000ff")).toBeUndefined();
    });

    test("of a stack that was destroyed are its history, and no release to go back to, until the next", async () => {
        const ledger = await opened();
        await ledger.commit(recordOf("tx-1"));
        await ledger.close();
        expect(await roleOf("ledger")).toEqual([]);
        const later = ledgerOf();
        expect(await later.lastCommit()).toBeUndefined();
        expect((await later.state()).lastCommit).toBeUndefined();
        expect((await later.commits()).map(({ transaction }) => transaction)).toEqual(["tx-1"]);
        expect((await later.read()).commitsSinceDestroyed).toEqual([]);
        await later.open();
        expect(await later.commit(recordOf("tx-2"))).toMatchObject({ sequence: 2 });
        expect(await later.lastCommit()).toMatchObject({ transaction: "tx-2" });
        expect((await later.read()).commitsSinceDestroyed.map(({ transaction }) => transaction)).toEqual(["tx-2"]);
    });
});

describe("the release of the newest commit", () => {
    const release = sampleRelease(undefined, { id: "00000000a11a" });

    test("is found as it was written; a stack that was destroyed has a past, and nothing to go back to [R11]", async () => {
        const ledger = await opened();
        expect([await ledger.lastRelease(), await ledger.newestRelease()]).toEqual([undefined, undefined]);
        await ledger.recordTarget("tx-1", recordOf("tx-1"), canonicalJson(release));
        await ledger.commit(recordOf("tx-1"));
        expect([await ledger.lastRelease(), await ledger.newestRelease()]).toEqual([release, release]);
        await ledger.close();
        expect([await ledger.lastRelease(), await ledger.newestRelease()]).toEqual([undefined, release]);
    });
});

describe("a damaged file", () => {
    /** Puts a file on the volume as a killed writer or a person could have left it. */
    const damage = (name: string) =>
        engine.putFiles(`${project}-ledger`, "/ledger", [{ name, content: '{"sequence":', mode: 0o600 }]);

    async function refusalOf(ask: Promise<unknown>): Promise<PlumblineError> {
        const error = await ask.then(
            () => new Error("it was read"),
            (reason: unknown) => reason,
        );
        if (error instanceof PlumblineError) return error;
        throw error;
    }

    test.each(["commit-000002.json", "pin.json", "quarantine-0000000000ff.json", "destroyed.json"])(
        "%s is said by name, and never taken for one that is not there",
        async (name) => {
            const ledger = await opened();
            await ledger.commit(recordOf("tx-1"));
            await damage(name);
            const refusal = await refusalOf(ledgerOf().state());
            expect(refusal.category).toBe("rollback");
            expect(refusal.message).toBe(`the ledger of ${project} is damaged: ${name} on volume ${project}_ledger`);
        },
    );

    test("of an old commit does not keep the newest from being read", async () => {
        const ledger = await opened();
        for (const transaction of ["tx-1", "tx-2"]) await ledger.commit(recordOf(transaction));
        await damage("commit-000001.json");
        expect(await ledger.lastCommit()).toMatchObject({ transaction: "tx-2" });
        expect((await refusalOf(ledger.commits())).message).toContain("commit-000001.json");
    });

    test.each([
        ["half of it", '{"sequence":'],
        ["nothing", ""],
        ["another release", '{"id":"00000000a11b","services":[]}'],
    ])("of a release is said by name too, with the next step, however it is read: %s", async (_, content) => {
        const ledger = await opened();
        const id = "00000000a11a";
        const name = `release-${id}.json`;
        await engine.putFiles(`${project}-ledger`, "/ledger", [{ name, content, mode: 0o600 }]);
        // One after the other: a refusal that nobody waits for yet would end the test.
        for (const ask of [() => ledger.release(id), () => ledger.releaseText(id)]) {
            const refusal = await refusalOf(ask());
            expect(refusal.category).toBe("rollback");
            expect(refusal.message).toBe(`the ledger of ${project} is damaged: ${name} on volume ${project}_ledger`);
            expect(refusal.remedy).toMatch(/look at the file|deploy the sources/);
        }
    });
});

describe("quarantine and pin", () => {
    const record = {
        release: "0000000000ff",
        transaction: "tx-1",
        reason: "api exited with code 1",
        at: "2026-11-24T17:53:01.123Z",
    };

    test("a release is in quarantine until it is lifted, for every deployer [R98]", async () => {
        const ledger = await opened();
        await ledger.quarantine(record);
        expect((await ledgerOf().state()).quarantine).toEqual({ [record.release]: { ...record, liftedBy: null } });
        await ledger.liftQuarantine(record.release, "tx-2");
        expect((await ledgerOf().state()).quarantine).toEqual({});
        await ledger.quarantine({ ...record, transaction: "tx-3" });
        expect((await ledgerOf().state()).quarantine[record.release]?.transaction).toBe("tx-3");
    });

    test("lifting what is not in quarantine does nothing", async () => {
        const ledger = await opened();
        await ledger.liftQuarantine(record.release, "tx-2");
        expect((await ledger.state()).quarantine).toEqual({});
    });

    test("a pin names who and when, and is taken out again", async () => {
        const ledger = await opened();
        await ledger.pin("00000000a11a");
        expect((await ledgerOf().state()).pin).toEqual({
            release: "00000000a11a",
            by: `${userInfo().username}@${hostname()}`,
            at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        });
        await ledger.pin(null);
        expect((await ledgerOf().state()).pin).toBeUndefined();
    });
});

test("where nothing was ever deployed there is an empty state, and asking for it makes nothing", async () => {
    const ledger = ledgerOf();
    const nothing = { open: undefined, lastCommit: undefined, quarantine: {}, pin: undefined };
    expect(await ledger.state()).toEqual(nothing);
    expect([await ledger.commits(), await ledger.lastCommit(), await ledger.releaseText("00000000a11a")]).toEqual([
        [],
        undefined,
        undefined,
    ]);
    expect(await engine.list({ "plumbline.project": project })).toEqual([]);
    expect(await engine.volume(ledger.volume)).toBeUndefined();
    await ledger.close();
    await ledger.open();
    expect(await ledger.state()).toEqual(nothing);
});
