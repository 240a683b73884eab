/**
 * Deployments that are killed, hindered or robbed of what they would go back to, through the commands: each ends all old or
 * all new, and says so truly. A door before the engine holds the one request at which a test acts. On a small baseline;
 * each test begins and ends with a stack that stands.
 */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import Docker from "dockerode";
import type { RecoverResult } from "../../automation/recover.ts";
import type { ReleasesResult } from "../../automation/releases.ts";
import type { StatusResult } from "../../automation/status.ts";
import { expectEnd, expectExit } from "../support/ended.ts";
import { EngineDoor } from "../support/engine-door.ts";
import { filesBelow } from "../support/project.ts";
import { type Part, SmallProject, type SmallVersion, smallStack, type Told } from "../support/small.ts";

let door: EngineDoor;
let small: SmallProject;
/** What runs, and is committed. */
let standing: SmallVersion = {};
let count = 0;

/** A version of both services that was never deployed. */
const next = (change: SmallVersion = {}): SmallVersion => {
    count += 1;
    return { web: `web ${count}`, store: `store ${count}`, ...change };
};

/** The new container of the store is about to be started: the old one is stopped, and the edge holds its connections. */
const storeStarts = { method: "POST", path: /\/containers\/store-[^/]+\/start/ };
/** Any container is about to be removed. The first that a deploy removes is the mark of its own transaction. */
const removal = { method: "DELETE", path: /\/containers\// };

beforeAll(async () => {
    small = await SmallProject.create((folder) => ({ "docker:host": `unix://${path.join(folder, "engine.sock")}` }));
    door = await EngineDoor.open(path.join(small.folder, "engine.sock"));
    const deployed = await small.command(["deploy"], { timeoutMs: 600_000 });
    expectEnd(deployed, 0, "committed");
}, 660_000);

afterEach(() => door.open());

afterAll(async () => {
    await small?.dispose();
    await door?.close();
}, 120_000);

/** Begins a deploy, stops it in one moment, and kills it there. */
async function killedAt(
    moment: Parameters<EngineDoor["hold"]>[0],
    version: SmallVersion,
    which: "all" | "all but the guard" = "all",
): Promise<void> {
    await small.write(version);
    const held = door.hold(moment);
    const deploying = small.project.command(["deploy"]);
    await Promise.race([held.reached, deploying.then(({ output }) => Promise.reject(new Error(output)))]);
    await small.kill(which);
    await deploying;
    await goneAsker();
    held.release();
}

/** The door sees a moment later than this test that a killed process has hung up. */
const goneAsker = () => sleep(300);

/** What runs is this version and nothing else, and nobody holds anything. */
async function expectServing(version: SmallVersion): Promise<void> {
    standing = version;
    const services = (await small.names()).map((name) => name.replace(/-[0-9a-f]{8}-[0-9a-f]+$/, ""));
    expect(services).toEqual(["edge", `${small.name}-ledger`, "store", "web"]);
    // Through the edge: nothing is held.
    expect([await small.setting("web"), await small.setting("store")]).toEqual([
        version.web ?? "first",
        version.store ?? "first",
    ]);
    expect(await filesBelow(path.join(small.folder, ".plumbline/state/.pulumi/locks"))).toEqual([]);
    expect(await small.pendingOperations()).toEqual([]);
    // A guard goes a moment after its transaction.
    await small.untilQuiet();
}

/** Everything that must be true of a stack that nothing is happening to: its plan is empty too. */
async function expectStanding(version: SmallVersion): Promise<void> {
    await small.write(version);
    const plan = ["preview", "--refresh", "--expect-no-changes", "--stack", smallStack];
    const planned = await small.project.pulumi(plan);
    expectExit(planned, 0);
    await expectServing(version);
}

const nameOf = async (service: string): Promise<string> => {
    const name = (await small.names()).find((candidate) => candidate.startsWith(`${service}-`));
    if (name === undefined) throw new Error(`there is no container of ${service}`);
    return name;
};

/** Deploys what must fail, with an act of somebody else while the old store is stopped. */
async function failingWhile(change: SmallVersion, act: () => Promise<unknown>): Promise<Told> {
    await small.write(next({ ...change, storeFault: "exit-at-boot" }));
    const held = door.hold(storeStarts);
    const deploying = small.command(["deploy"]);
    await held.reached;
    await act();
    held.release();
    return await deploying;
}

/** The same container once more but for one variable, as somebody leaves it who edits by hand. */
async function remakeByHand(name: string, variable: string): Promise<void> {
    const docker = new Docker({ socketPath: path.join(small.folder, "engine.sock") });
    const { Config, HostConfig, NetworkSettings } = await docker.getContainer(name).inspect();
    const [key] = variable.split("=");
    const Env = [...Config.Env.filter((line) => !line.startsWith(`${key}=`)), variable];
    const EndpointsConfig = Object.fromEntries(Object.keys(NetworkSettings.Networks).map((network) => [network, {}]));
    await docker.getContainer(name).remove();
    await docker.createContainer({ ...Config, Env, HostConfig, NetworkingConfig: { EndpointsConfig }, name });
}

describe("everything that works on an update is killed in the middle of a hand-over [R94]", () => {
    test("and `deploy` of the same again ends all new", async () => {
        const wanted = next();
        await killedAt(storeStarts, wanted);
        const again = await small.command(["deploy"]);
        expectEnd(again, 0, "committed");
        await expectStanding(wanted);
    }, 180_000);

    test("and `deploy` of what ran before ends all old", async () => {
        const before = standing;
        await killedAt(storeStarts, next());
        await small.write(before);
        expectEnd(await small.command(["deploy"]), 0, "unchanged");
        await expectStanding(before);
    }, 180_000);

    test("and `recover` ends all old; of another machine's deployer only with --yes, in another clone only with its state", async () => {
        await killedAt(storeStarts, next());
        // As if a deployer of another machine had taken it over, and died there.
        const mark = `${small.name}-transaction-1`;
        const [facts] = JSON.parse(await small.project.docker(["inspect", mark]));
        const labels = {
            ...facts.Config.Labels,
            "plumbline.transaction.host": "elsewhere",
            "plumbline.transaction.epoch": "2",
        };
        const words = Object.entries(labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]);
        await small.project.docker(["create", "--name", `${small.name}-transaction-2`, ...words, facts.Config.Image]);

        const refusals = ["recover", "deploy"].map((command) => small.command([command]));
        const [clone, ...refused] = await Promise.all([small.clone(), ...refusals]);
        try {
            for (const told of refused) {
                expectEnd(told, 30, "refused");
                expect(told.failure?.message).toContain("@elsewhere (process ");
                expect(told.failure?.remedy).toContain("npm run recover -- --yes");
            }
            const stranger = await clone.command(["recover", "--yes"]);
            expectEnd(stranger, 30, "refused");
            expect(stranger.failure?.message).toContain("are not in this Pulumi state: TOKEN");
            const env = { PULUMI_BACKEND_URL: `file://${path.join(small.folder, ".plumbline/state")}` };
            const recovered = await clone.command<RecoverResult>(["recover", "--yes"], { env });
            expectEnd(recovered, 10, "rolled-back");
            expect(recovered.transaction).toBe(labels["plumbline.transaction.transaction"]);
        } finally {
            await clone.dispose();
        }
        await expectStanding(standing);
    }, 240_000);
});

describe("one process of an update is killed alone in the middle of a hand-over, and the others go on [R90] [R94]", () => {
    test.each<[Part, number | null, "old" | "new"]>([
        ["command", null, "old"],
        ["pulumi", 10, "old"],
        ["provider", 10, "old"],
        ["guard", 0, "new"],
    ])(
        "the %s",
        async (part, exitCode, ends) => {
            const before = standing;
            const wanted = next();
            await small.write(wanted);
            const held = door.hold(storeStarts);
            const deploying = small.project.command(["deploy"]);
            await Promise.race([held.reached, deploying.then(({ output }) => Promise.reject(new Error(output)))]);
            expect(await small.kill(part)).toBe(1);
            await goneAsker();
            held.release();
            expectExit(await deploying, exitCode);
            await small.kill("helpers");
            await small.untilQuiet();
            const served = ends === "old" ? before : wanted;
            expect([await small.setting("web"), await small.setting("store")]).toEqual([served.web, served.store]);
            const told = await small.command<StatusResult>(["status"]);
            expectEnd(told, 0, "as-recorded");
            expect(told.open).toBeNull();
            const again = await small.command(["deploy"]);
            expectEnd(again, 0, ends === "old" ? "committed" : "unchanged");
            await expectStanding(wanted);
        },
        180_000,
    );
});

test("killed while a container is created: `recover` removes that one, and no other clone's [R94]", async () => {
    const before = standing;
    await small.write(next({ store: before.store ?? "first" }));
    const held = door.holdAnswer({ method: "POST", path: /\/containers\/create\?name=web-/ });
    const deploying = small.project.command(["deploy"]);
    await held.reached;
    await small.kill("all");
    await deploying;
    await goneAsker();
    held.release();
    const strays = (await small.names()).filter((name) => name.startsWith("web-"));
    expect(strays).toHaveLength(2);
    // What another clone would have declared by now, of the same revision.
    const [facts] = JSON.parse(await small.project.docker(["inspect", ...strays])).filter(
        (one: { State: { Status: string } }) => one.State.Status === "created",
    );
    const words = Object.entries(facts.Config.Labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]);
    await small.project.docker(["create", "--name", `candidate-${small.name}`, ...words, facts.Config.Image]);

    await small.write(before);
    const recovered = await small.command(["recover"]);
    const names = await small.names();
    await small.project.docker(["rm", "--force", `candidate-${small.name}`]);
    expectEnd(recovered, 0, "agreed");
    expect(names).not.toContain(String(facts.Name).slice(1));
    expect(names).toContain(`candidate-${small.name}`);
    await expectStanding(before);
}, 180_000);

describe("after the commit", () => {
    test("a container that cannot be deleted leaves it committed, with a warning; the next deploy cleans up [R95]", async () => {
        const old = await nameOf("web");
        const id = await small.project.docker(["inspect", "--format", "{{.Id}}", old]);
        const wanted = { ...standing, web: "stays undeleted" };
        await small.write(wanted);
        const refusing = door.refuse({ method: "DELETE", path: new RegExp(`/containers/(${id}|${old})`) });
        const deployed = await small.command(["deploy"]);
        refusing.stop();
        expectEnd(deployed, 0, "committed");
        const warned = deployed.notes.join("\n");
        expect(warned).toContain("The release is committed, but Pulumi failed afterwards");
        expect(warned).toMatch(new RegExp(`${old}|${id}|web-[0-9a-f]{8}`));
        expect(warned).toContain("npm run recover");
        expect(await small.names()).toContain(old);
        expectEnd(await small.command(["deploy"]), 0, "unchanged");
        await expectStanding(wanted);
    }, 180_000);

    test("a kill of everything before Pulumi has written its state: `recover` goes forward [R94]", async () => {
        const wanted = next();
        await killedAt(removal, wanted);
        const { commits } = await small.command<ReleasesResult>(["releases"]);
        const recovered = await small.command<RecoverResult>(["recover"]);
        expectEnd(recovered, 0, "committed");
        expect([recovered.release, recovered.transaction]).toEqual([commits[0]?.release, commits[0]?.transaction]);
        await expectStanding(wanted);
    }, 180_000);

    test("a kill of all but the guard there: the guard ends it, and the next `deploy` agrees [R94]", async () => {
        const wanted = next();
        await killedAt(removal, wanted, "all but the guard");
        const deployed = await small.command(["deploy"]);
        expectEnd(deployed, 0, deployed.outcome);
        await small.untilQuiet();
        await expectStanding(wanted);
    }, 180_000);
});

describe("what cannot be put back is said, and never reported as rolled back [R95]", () => {
    test("F2 the container and the image of the previous release are gone", async () => {
        const old = await nameOf("store");
        const image = await small.project.docker(["inspect", "--format", "{{.Image}}", old]);
        const failed = await failingWhile({ storeImage: "b" }, async () => {
            await small.project.docker(["rm", "--force", old]);
            await small.project.docker(["rmi", "--force", image]);
        });
        expectEnd(failed, 20, "rollback-failed");
        expect(failed.failure?.message).toContain(`${old} is gone`);

        // Its release cannot be asked for again: the image that was committed is no more.
        const { commits } = await small.command<ReleasesResult>(["releases"]);
        const wanted = next({ storeImage: "b" });
        await small.write(wanted);
        expectEnd(await small.command(["deploy"]), 0, "committed");
        const refused = await small.command(["rollback", commits[0]?.release ?? ""]);
        expectEnd(refused, 30, "refused");
        expect(refused.failure?.message).toMatch(/cannot be put back: its image \S+ is gone/);
        await expectServing(wanted);
    }, 240_000);

    test("F2 the ledger's entry of the previous release is damaged", async () => {
        const { commits } = await small.command<ReleasesResult>(["releases"]);
        const entry = `${small.name}-ledger:/ledger/release-${commits[0]?.release}.json`;
        const file = path.join(small.folder, "entry.json");
        await small.project.docker(["cp", entry, file]);
        const good = await readFile(file);
        await writeFile(file, good.subarray(0, 100));
        await small.project.docker(["cp", file, entry]);
        await small.write(next({ ...standing, web: "broken", webFault: "exit-at-boot" }));
        const failed = await small.command(["deploy"]);
        await writeFile(file, good);
        await small.project.docker(["cp", file, entry]);
        expectEnd(failed, 20, "rollback-failed");
        expect(failed.failure?.message).toContain(`is damaged: release-${commits[0]?.release}.json`);
        // Once the entry can be read, what the failed update has declared is cleared away.
        expectEnd(await small.command(["recover"]), 0, "agreed");
        await expectServing(standing);
    }, 240_000);

    test("F2 its image's tag leads elsewhere by now: what is put back is the old image, and nobody is told to rely on it", async () => {
        const before = standing;
        const old = await nameOf("store");
        const facts = ["inspect", "--format", "{{.Config.Image}} {{.Image}} {{.State.Running}}", old];
        const [tag = "", image = ""] = (await small.project.docker(facts)).split(" ");
        const other = await small.project.docker(["inspect", "--format", "{{.Image}}", await nameOf("web")]);
        const failed = await failingWhile({ storeImage: "b" }, () => small.project.docker(["tag", other, tag]));
        expectEnd(failed, 20, "rollback-failed");
        expect(failed.failure).toMatchObject({ category: "image", service: "store" });
        expect(failed.failure?.message).toContain(`its image ${tag} is another one now`);
        expect(await small.project.docker(facts)).toBe(`${tag} ${image} true`);
        expect(await small.setting("store")).toBe(before.store ?? "first");
        await small.project.docker(["tag", image, tag]);
        expectEnd(await small.command(["recover"]), 0, "agreed");
        await expectServing(before);
    }, 240_000);

    test("F2 its container was made anew by hand with another environment, under the same name and labels", async () => {
        const before = standing;
        const old = await nameOf("store");
        const failed = await failingWhile({ storeImage: "b" }, () => remakeByHand(old, "TOY_SETTING=by hand"));
        expectEnd(failed, 20, "rollback-failed");
        expect(failed.failure?.message).toContain("store runs, but it is not what was committed: container ");
        expect(failed.failure?.message).toContain("with another TOY_SETTING in its environment");
        expect(await small.setting("store")).toBe("by hand");
        // The release that was committed is not what runs, so that its deploy is no matter of nothing to do.
        await small.write(before);
        const mended = await small.command(["deploy"]);
        expectEnd(mended, 0, "committed");
        expect(mended.notes.join("\n")).toContain(`${old} is another container than the one that was committed`);
        await small.project.docker(["rm", old]);
        await expectServing(before);
    }, 240_000);

    test("killed, and what ran before is gone: `recover` says so, and `deploy` goes on from what runs [R94]", async () => {
        const old = await nameOf("store");
        const wanted = { ...next(), storeImage: "b" };
        await killedAt(storeStarts, wanted);
        await small.project.docker(["rm", "--force", old]);
        const failed = await small.command(["recover"]);
        expectEnd(failed, 20, "rollback-failed");
        expect(failed.failure?.message).toContain(`${old} is gone`);
        const deployed = await small.command(["deploy"]);
        expectEnd(deployed, 0, "committed");
        expect(deployed.notes.join("\n")).toContain("What ran before cannot be put back");
        await expectServing(wanted);
    }, 240_000);

    test("a guard whose undo has failed leaves the transaction to `recover`, which ends it [R94]", async () => {
        const old = await nameOf("store");
        const before = standing;
        const refusing = door.refuse({ method: "POST", path: new RegExp(`/containers/${old}/start`) });
        await killedAt(
            { ...storeStarts, path: new RegExp(`/containers/(?!${old})store-[^/]+/start`) },
            next(),
            "all but the guard",
        );
        await small.untilQuiet();
        const told = await small.command(["status"]);
        expectEnd(told, 30, "deviates");
        expect(told.failure?.message).toContain("A deployer has died and left");
        const failed = await small.command(["recover"]);
        expectEnd(failed, 20, "rollback-failed");
        expect(failed.failure?.message).toContain("could not be ended");
        refusing.stop();
        expectEnd(await small.command(["recover"]), 10, "rolled-back");
        await expectStanding(before);
    }, 240_000);
});
