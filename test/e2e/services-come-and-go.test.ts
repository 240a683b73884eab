/**
 * Services that join a baseline and leave it, and the edge's ports with them, in one transaction: undone twice, then
 * committed, then taken back. On a small baseline; the tests build on each other, in this order.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { DeployResult } from "../../automation/deploy.ts";
import type { PreviewResult } from "../../automation/preview.ts";
import type { ReleasesResult } from "../../automation/releases.ts";
import type { StatusResult } from "../../automation/status.ts";
import { expectEnd, expectExit } from "../support/ended.ts";
import { SmallProject, smallStack } from "../support/small.ts";

let small: SmallProject;
let first: string | null;
/** The containers that run, by service. */
let before: Record<string, string>;

const shelfVolume = () => `${small.name}_shelf_data`;
const lines = async () => (await small.ask<{ lines: string[] }>("shelf", "/state")).lines;
const volumeNote = () => `volume ${shelfVolume()} stays, with its data`;
const gapNote = /nobody is served in between: \d+ ms when the edge was last started here/;

/** What runs: by service its container and image, since an undo starts the same container again. */
async function running(): Promise<Record<string, string>> {
    const format = '{{.Label "plumbline.service"}} {{.ID}} {{.Image}}';
    const out = await small.project.docker([
        "ps",
        "--no-trunc",
        ...["--filter", `label=plumbline.project=${small.name}`, "--format", format],
    ]);
    return Object.fromEntries(
        out
            .split("\n")
            .filter(Boolean)
            .sort()
            .map((line) => [line.split(" ", 1)[0] ?? "", line]),
    );
}

/** All old: the same containers serve, with their data, and nothing of the failed release is left. */
async function expectAllOld(): Promise<void> {
    expect(await running()).toEqual(before);
    expect(await lines()).toEqual(["kept"]);
    await expect(small.ask("desk", "/health")).rejects.toThrow(/ECONNREFUSED/);
    const status = await small.command<StatusResult>(["status"]);
    expect([status.outcome, status.release, status.leftVolumes]).toEqual(["as-recorded", first, []]);
}

beforeAll(async () => {
    small = await SmallProject.create();
    await small.write({ more: ["shelf"] });
    const deployed = await small.command<DeployResult>(["deploy"], { timeoutMs: 600_000 });
    if (deployed.exitCode !== 0) throw new Error(deployed.ran.output);
    first = deployed.release;
    await small.ask("shelf", "/append", "kept");
    before = await running();
}, 660_000);

afterAll(() => small?.dispose(), 120_000);

test("the plan tells the gap of the edge, as it was measured here, and the volume that stays [R91]", async () => {
    await small.write({ more: ["desk"], smokeFails: true });
    const plan = await small.command<PreviewResult>(["preview"]);
    expectEnd(plan, 0, "planned");
    const told = plan.notes.join("\n");
    expect(told).toMatch(gapNote);
    expect(told).toContain(volumeNote());
    expect([...plan.services].sort()).toEqual(["desk", "edge"]);
}, 120_000);

test("a release that fails after its services came and went is undone: the old edge, the old service, its data [R91] [R95]", async () => {
    const failed = await small.command<DeployResult>(["deploy"]);
    expectEnd(failed, 10, "rolled-back");
    expect(failed.failure?.message).toContain("the smoke test failed");
    await expectAllOld();
    const timeline = await readFile(path.join(small.folder, failed.evidence ?? "", "timeline.jsonl"), "utf8");
    expect(timeline).toMatch(/"event":"step-done","step":"remove shelf"/);
    expect(timeline).toMatch(/"event":"undo-done","step":"remove shelf"/);
    expect(timeline).toMatch(/the edge was replaced; nobody served for \d+ ms/);
    expect(timeline).toMatch(/the edge of before was put back; nobody served for \d+ ms/);
    // The failed baseline is still in the checkout: the plan is what runs, and the reason why.
    const plan = await small.command<PreviewResult>(["preview", "--refresh"]);
    expect(plan.plan).toEqual([]);
    expect(plan.notes.join("\n")).toContain("quarantined: ");
    const plain = await small.project.pulumi(["preview", "--refresh", "--expect-no-changes", "--stack", smallStack]);
    expect([plain.code, plain.output]).toEqual([0, expect.stringContaining("the plan shows the last known good")]);
}, 180_000);

test("the same under plain `pulumi up`, directly after it: undone and quarantined by the undo itself [R95] [R99]", async () => {
    await small.write({ store: "second", more: ["desk"], smokeFails: true });
    const plain = await small.project.pulumi(["up", "--yes", "--stack", smallStack]);
    expectExit(plain, "failing");
    expect(plain.output).toContain("the smoke test failed");
    expect(plain.output).toContain(`Release ${first} runs as before, proven.`);
    await expectAllOld();
    // What this one had declared is stopped, and still in Pulumi's state, which an operation that fails keeps as it is.
    const left = await small.command<PreviewResult>(["preview"]);
    expect(left.plan.length).toBeGreaterThan(0);
    expect(left.plan.filter(({ op }) => op !== "delete")).toEqual([]);
    const { quarantined } = await small.command<ReleasesResult>(["releases"]);
    expect(quarantined).toHaveLength(2);
    const [{ transaction = "", release = "" } = {}] = quarantined;
    expect(plain.output).toContain(transaction);
    const timeline = await small.project.read(`infrastructure/reports/${smallStack}/${transaction}/timeline.jsonl`);
    expect(timeline).toMatch(/"event":"undo-done","step":"hand over store"/);
    expect(timeline).toMatch(/"event":"undo-done","step":"remove shelf"/);
    const refused = await small.command<DeployResult>(["deploy"]);
    expectEnd(refused, 30, "refused");
    expect(refused.failure?.message).toContain(`release ${release} was undone by transaction ${transaction}`);
    const recovered = await small.command(["recover"]);
    expectEnd(recovered, 0, recovered.outcome);
    expect((await small.command<PreviewResult>(["preview", "--refresh"])).plan).toEqual([]);
    await expectAllOld();
}, 180_000);

test("a good one directly after two broken ones is committed, and lists the volume that no service has any more [R95]", async () => {
    await small.write({ store: "second", more: ["desk"] });
    const deployed = await small.command<DeployResult>(["deploy"]);
    expectEnd(deployed, 0, "committed");
    expect(deployed.notes.join("\n")).toContain(volumeNote());
    expect(deployed.summary).toMatchObject({ leftVolumes: [shelfVolume()], edgeGapMs: expect.any(Number) });
    expect(Object.keys(await running()).sort()).toEqual(["desk", "edge", "store", "web"]);
    expect([await small.setting("store"), await small.setting("desk")]).toEqual(["second", "first"]);
    await expect(small.ask("shelf", "/state")).rejects.toThrow(/ECONNREFUSED/);
    const status = await small.command<StatusResult>(["status"]);
    expect([status.outcome, status.leftVolumes]).toEqual(["as-recorded", [shelfVolume()]]);
    const plan = await small.command<PreviewResult>(["preview", "--refresh"]);
    expect([plan.plan, plan.notes]).toEqual([[], []]);
}, 180_000);

test("a change of the edge's own settings alone goes out as a release, and touches no container [R80]", async () => {
    const old = await running();
    await small.project.configure(smallStack, { "plumbline:edge": { holdSeconds: 41 } });
    const deployed = await small.command<DeployResult>(["deploy"]);
    expectEnd(deployed, 0, "committed");
    expect(await running()).toEqual(old);
    const config = ["exec", old.edge?.split(" ")[1] ?? "", "cat", "/etc/plumbline-edge/haproxy.cfg"];
    expect(await small.project.docker(config)).toMatch(/timeout queue +41000(ms)?/);
}, 120_000);

test("a service that comes back finds its data", async () => {
    await small.write({ store: "second", more: ["shelf", "desk"] });
    const deployed = await small.command<DeployResult>(["deploy"]);
    expectEnd(deployed, 0, "committed");
    expect(await lines()).toEqual(["kept"]);
    expect((await small.command<StatusResult>(["status"])).leftVolumes).toEqual([]);
}, 120_000);
