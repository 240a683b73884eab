/**
 * Transactions as people meet them, through the commands and plain Pulumi: two deployers, a release that was undone, and
 * going back on purpose. On a small baseline; the tests build on each other, in this order.
 */
import { hostname, userInfo } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { PreviewResult } from "../../automation/preview.ts";
import type { ReleasesResult } from "../../automation/releases.ts";
import type { RollbackResult } from "../../automation/rollback.ts";
import type { StatusResult } from "../../automation/status.ts";
import { expectEnd, expectExit } from "../support/ended.ts";
import { EngineDoor } from "../support/engine-door.ts";
import type { Ran } from "../support/project.ts";
import { SmallProject, smallStack, type Told } from "../support/small.ts";

let door: EngineDoor;
let ours: SmallProject;
/** Another person's clone of the same stack, with a Pulumi state of its own. */
let theirs: SmallProject;
/** Releases by the name that this test gives them. */
const releases: Record<string, string> = {};

const up = (at: SmallProject): Promise<Ran> => at.project.pulumi(["up", "--yes", "--stack", smallStack]);
const listed = (at: SmallProject) => at.command<ReleasesResult>(["releases"]);
const status = (at: SmallProject) => at.command<StatusResult>(["status"]);

/** What a command's end is judged by, with its output for a failed expectation to show. */

beforeAll(async () => {
    ours = await SmallProject.create((folder) => ({ "docker:host": `unix://${path.join(folder, "engine.sock")}` }));
    door = await EngineDoor.open(path.join(ours.folder, "engine.sock"));
    theirs = await ours.clone();
    const deployed = await ours.command(["deploy"], { timeoutMs: 600_000 });
    expectEnd(deployed, 0, "committed");
    releases.first = deployed.release ?? "";
}, 660_000);

afterAll(async () => {
    await theirs?.dispose();
    await ours?.dispose();
    await door?.close();
}, 120_000);

afterEach(() => door.open());

describe("two deployers at once", () => {
    test("the second is refused with who is at work and since when, and nothing changes [R94] [R95]", async () => {
        await ours.write({ web: "second" });
        await theirs.write({ web: "theirs" });
        const held = door.hold({ method: "POST", path: /\/containers\/web-[^/]+\/start/ });
        const first = ours.command(["deploy"]);
        await held.reached;
        const before = await ours.names();

        const second = await theirs.command(["deploy"]);
        expectEnd(second, 30, "refused");
        const who = `${userInfo().username}@${hostname()} \\(process \\d+\\)`;
        expect(second.failure?.message).toMatch(
            new RegExp(`transaction tx-\\S+ of ${who} has been under way since 20\\S+Z`),
        );
        expect(second.failure?.remedy).toContain("npm run recover");
        const plain = await up(theirs);
        expectExit(plain, "failing");
        expect(plain.output).toContain(second.failure?.message);
        expect(await ours.names()).toEqual(before);
        held.release();

        const committed = await first;
        expectEnd(committed, 0, "committed");
        releases.second = committed.release ?? "";
        expect(await ours.setting("web")).toBe("second");
    }, 240_000);

    test("both see the same ledger: releases, what runs, and what is quarantined", async () => {
        const [a, b] = [await listed(ours), await listed(theirs)];
        expect(a.commits.map(({ release }) => release)).toEqual([releases.second, releases.first]);
        expect([b.commits, b.quarantined, b.pinned]).toEqual([a.commits, a.quarantined, a.pinned]);
        const [c, d] = [await status(ours), await status(theirs)];
        for (const told of [c, d]) expectEnd(told, 0, "as-recorded");
        expect([d.release, d.services]).toEqual([c.release, c.services]);
    }, 120_000);

    test("a Pulumi state that does not know what runs is refused, by every door, plans too, and nothing changes [R94]", async () => {
        const before = await ours.names();
        const deployed = await theirs.command(["deploy"]);
        expectEnd(deployed, 30, "refused");
        expect(deployed.failure?.message).toContain("was deployed from another Pulumi state than this one");
        const plain = await up(theirs);
        expectExit(plain, "failing");
        expect(plain.output).toContain(deployed.failure?.message);
        const plan = ["preview", "--stack", smallStack];
        const [planned, plainlyPlanned] = await Promise.all([theirs.command(plan), theirs.project.pulumi(plan)]);
        expectEnd(planned, 30, "refused");
        expect(planned.failure).toMatchObject({ category: "settings", remedy: deployed.failure?.remedy });
        expect(planned.failure?.message).toContain(deployed.failure?.message);
        expectExit(plainlyPlanned, "failing");
        expect(plainlyPlanned.output).toContain(deployed.failure?.message);
        for (const command of [
            ["rollback", "--stack", smallStack],
            ["destroy", "--volumes", "--yes"],
        ]) {
            const refused = await theirs.command(command);
            expectEnd(refused, 30, "refused");
            expect(refused.failure?.message).toBe(deployed.failure?.message);
        }
        expectEnd(await theirs.command(["recover"]), 0, "unchanged");
        expect(await ours.names()).toEqual(before);
        expectEnd(await status(ours), 0, "as-recorded");
    }, 240_000);

    test("with the state that deployed it the second clone goes on where the first was", async () => {
        const env = { PULUMI_BACKEND_URL: `file://${path.join(ours.folder, ".plumbline/state")}` };
        await theirs.write({ web: "second" });
        const same = await theirs.command(["deploy"], { env });
        expectEnd(same, 0, "unchanged");
        expect(same.release).toBe(releases.second);
    }, 120_000);
});

describe("a release that was undone", () => {
    let undone: Told;

    test("two broken ones in a row leave what ran before [R95] [R99]", async () => {
        await ours.write({ web: "broken", webFault: "exit-at-boot" });
        const broken = await ours.command(["deploy"]);
        expectEnd(broken, 10, "rolled-back");
        releases.broken = (await listed(ours)).quarantined[0]?.release ?? "";
        // Its store fails the first time that it starts, and never again.
        await ours.write({ web: "third", store: "third", storeFault: "wrong-first" });
        undone = await ours.command(["deploy"]);
        expectEnd(undone, 10, "rolled-back");
        expect(await ours.setting("web")).toBe("second");
        expect(await ours.setting("store")).toBe("first");
    }, 180_000);

    test("is refused with the transaction that undid it, also under plain `pulumi up`, and in a second clone too [R99]", async () => {
        const { quarantined } = await listed(ours);
        expect(quarantined).toHaveLength(2);
        expect((await listed(theirs)).quarantined).toEqual(quarantined);
        const [{ transaction = "", release = "" } = {}] = quarantined;
        releases.third = release;
        const refused = await ours.command(["deploy"]);
        expectEnd(refused, 30, "refused");
        expect(refused.failure?.message).toContain(`release ${release} was undone by transaction ${transaction}`);
        const plain = await up(ours);
        expectExit(plain, "failing");
        expect(plain.output).toContain(`release ${release} was undone by transaction ${transaction}`);
        expect(plain.output).toContain("--force");
        expect(await ours.setting("web")).toBe("second");
    }, 120_000);

    test("is deployed when it is forced, and the ledger, the list and the report say so [R99]", async () => {
        const forced = await ours.command<{ summary: { evidence: string } }>(["deploy", "--force"]);
        expectEnd(forced, 0, "committed");
        expect(forced.release).toBe(releases.third);
        const { commits, quarantined } = await listed(ours);
        expect(commits[0]).toMatchObject({ release: releases.third, forced: true, isRunning: true });
        expect(quarantined.map(({ release }) => release)).toEqual([releases.broken]);
        const report = JSON.parse(await ours.project.read(path.join(forced.summary.evidence, "deployment.json")));
        expect(report.outcome).toMatchObject({ forced: true, outcome: "committed" });
        expect(await ours.setting("store")).toBe("third");
    }, 120_000);

    test("does not stand in the way of a good one", async () => {
        await ours.write({ web: "fourth", store: "third", storeFault: "wrong-first" });
        const good = await ours.command(["deploy"]);
        expectEnd(good, 0, "committed");
        releases.fourth = good.release ?? "";
        expect((await listed(ours)).commits[0]).toMatchObject({ release: releases.fourth, forced: false });
    }, 120_000);
});

describe("going back on purpose", () => {
    test("a name that fits none, or several, is refused with the candidates", async () => {
        const all = ["fourth", "third", "second", "first"].map((name) => releases[name]);
        const unknown = await ours.command(["rollback", "nothing"]);
        expectEnd(unknown, 30, "refused");
        expect(unknown.failure?.message).toContain(`Committed were: ${all.join(", ")}.`);
        // Every id begins with nothing at all.
        const several = await ours.command(["rollback", ""]);
        expectEnd(several, 30, "refused");
        expect(several.failure?.message).toContain(`several releases: ${all.join(", ")}`);
    }, 60_000);

    test("a release by the beginning of its id runs again, and is pinned in every plan [R99]", async () => {
        const back = await ours.command<RollbackResult>(["rollback", releases.first?.slice(0, 8) ?? ""]);
        expectEnd(back, 0, "committed");
        expect([back.release, back.pinned]).toEqual([releases.first, releases.first]);
        expect([await ours.setting("web"), await ours.setting("store")]).toEqual(["first", "first"]);
        const plan = await ours.command<PreviewResult>(["preview"]);
        expect(plan.plan).toEqual([]);
        expect(plan.notes.join("\n")).toContain(`pinned to release ${releases.first}`);
        const plain = await ours.project.pulumi(["preview", "--expect-no-changes", "--stack", smallStack]);
        expect([plain.code, plain.output]).toEqual([0, expect.stringContaining(`pinned to release ${releases.first}`)]);
    }, 120_000);

    test("deploys keep it; a refused or failed `--unpin` does too", async () => {
        const kept = await ours.command(["deploy"]);
        expectEnd(kept, 0, "unchanged");
        expect(kept.release).toBe(releases.first);
        await ours.write({ web: "broken", webFault: "exit-at-boot" });
        expectEnd(await ours.command(["deploy", "--unpin"]), 30, "refused");
        expect((await status(ours)).pin?.release).toBe(releases.first);
    }, 120_000);

    test("`deploy --unpin` brings the release of the checkout, and takes the pin out", async () => {
        await ours.write({ web: "fourth", store: "third", storeFault: "wrong-first" });
        const newest = await ours.command(["deploy", "--unpin"]);
        expectEnd(newest, 0, "committed");
        expect(newest.release).toBe(releases.fourth);
        const told = await status(ours);
        expectEnd(told, 0, "as-recorded");
        expect(told.pin).toBeNull();
        const plan = await ours.command<PreviewResult>(["preview", "--refresh"]);
        expect([plan.plan, plan.notes]).toEqual([[], []]);
    }, 120_000);
});

test("a stack whose Pulumi state is lost comes up again once what runs was taken down by hand, with its data", async () => {
    const { project } = ours;
    await project.exec("sh", ["-c", "rm -rf .plumbline/state && mkdir .plumbline/state"]);
    const refused = await ours.command(["deploy"]);
    expectEnd(refused, 30, "refused");
    expect(refused.failure?.message).toContain("was deployed from another Pulumi state than this one");
    // As docs/troubleshooting.md has it.
    const labels = ["label=plumbline.service", `label=plumbline.project=${ours.name}`].flatMap((it) => [
        "--filter",
        it,
    ]);
    const running = (await project.docker(["ps", "--all", "--quiet", ...labels])).split("\n");
    await project.docker(["rm", "--force", ...running]);
    await project.docker(["network", "rm", `${ours.name}_network`]);
    const deployed = await ours.command(["deploy"]);
    expectEnd(deployed, 0, "committed");
    // Its store fails the first time that it starts on a volume: this is not the first time.
    expect(await ours.setting("store")).toBe("third");
}, 120_000);
