/**
 * Preflight: what could keep a deploy from succeeding is found before the first resource, in a preview and an update
 * alike. Facts are collected side by side, then judged by pure checks; everything that fails becomes one error.
 */
import path from "node:path";
import { imageBuildTokens } from "../../engine/build-tokens.ts";
import type { Engine } from "../../engine/docker.ts";
import { localSpace, type MachineSpace, remoteSpace } from "../../engine/machine.ts";
import type { PlumblineError } from "../../release/errors.ts";
import { builtImages } from "../../release/images.ts";
import { hostPorts, movedPortNotes } from "../../release/ports.ts";
import type { Settings } from "../../release/settings.ts";
import type { Release } from "../../release/types.ts";
import { requireWritable } from "../../release/writable.ts";
import { reportFolder } from "../report/write.ts";
import { judgeEngine } from "./checks/engine.ts";
import { judgeImages } from "./checks/images.ts";
import { judgeNetworks, judgeProject, judgeVolumes } from "./checks/names.ts";
import { judgePlatforms } from "./checks/platforms.ts";
import { judgePorts } from "./checks/ports.ts";
import { judgeReplacement } from "./checks/replacement.ts";
import { judgeDisk, judgeMemory, type SpaceNeed, spaceNeed } from "./checks/space.ts";
import { type PreflightFinding, refusalOf, stands } from "./finding.ts";
import { hasDockerCommand, heldImages, imageFacts } from "./images.ts";
import type { EngineLook, Look } from "./look.ts";
import { type History, nameFacts } from "./names.ts";
import { isOwn } from "./ours.ts";
import { portFacts } from "./ports.ts";

/** Set by `preview --from-nothing`: the machine that plans is not the one that will run it, so nothing of it refuses. */
export const fromNothingVariable = "PLUMBLINE_FROM_NOTHING";

export interface PreflightOptions {
    readonly settings: Settings;
    readonly engine: Engine;
    readonly look: Look;
    readonly history: History;
    readonly isPreview: boolean;
    readonly env: Readonly<Record<string, string | undefined>>;
    /** Service to the platform that the file asks for. @default {} */
    readonly platforms?: Readonly<Record<string, string>>;
    /** Folder of Pulumi.yaml. @default "." */
    readonly projectDir?: string;
}

export interface Preflight {
    /** What every plan has to say, in words. */
    readonly notes: readonly string[];
    /** Tokens of the builds, see `engine/build-tokens.ts`; undefined where no engine could be asked. */
    readonly buildTokens: Readonly<Record<string, string>> | undefined;
    readonly findings: readonly PreflightFinding[];
    /** The engine that was looked at is the one that will run it: neither out of reach, nor that of a plan from nothing. */
    readonly isItsEngine: boolean;
}

/**
 * Judges whether the release can be deployed. A preview goes on without an engine and says so; whatever fails refuses both.
 *
 * @throws PlumblineError of the first finding's category, with all that stands against the deploy; `settings` when an update
 * could not write its reports
 */
export async function preflight(release: Release, options: PreflightOptions): Promise<Preflight> {
    const { look, isPreview, env } = options;
    if (!isPreview) await requireReportFolder(release.stack, options.projectDir);
    const moved = movedPortNotes(release.movedPorts ?? []);
    if (!look.reached) {
        if (!isPreview) throw look.error;
        return { notes: [withoutEngine(look.error)], buildTokens: undefined, findings: [], isItsEngine: false };
    }
    const held = await heldImages(options.engine, release);
    const findings = await judge(release, options, look, held);
    const against = findings.filter((finding) => stands(finding, isPreview));
    const isElsewhere = isPreview && env[fromNothingVariable] === "1";
    if (against.length > 0 && !isElsewhere) throw refusalOf(against);
    const told = findings.filter(({ result, told }) => result !== "pass" || told === true);
    return {
        notes: [...moved, ...told.map(noteOf)],
        buildTokens: await imageBuildTokens({ image: async (it) => held.get(it) }, builtImages(release)),
        findings,
        isItsEngine: !isElsewhere,
    };
}

async function judge(
    release: Release,
    { settings, engine, history, env, platforms = {}, projectDir = "." }: PreflightOptions,
    look: EngineLook,
    held: Awaited<ReturnType<typeof heldImages>>,
): Promise<PreflightFinding[]> {
    const { info } = look;
    const limits = settings.preflight;
    const need = spaceNeed(release, look.containers);
    const [space, ports, names, images, canBuild] = await Promise.all([
        spaceFacts(engine, release, look, need),
        portFacts(release, look),
        nameFacts(engine, release, look, history),
        imageFacts(engine, release, held, projectDir, limits.registrySeconds * 1000),
        hasDockerCommand(env.PATH ?? ""),
    ]);
    return [
        ...judgeEngine(engine.address, info, limits.engineApi),
        ...judgePlatforms(platforms, info),
        ...judgeProject(release, names),
        ...judgePorts(hostPorts(release), ports),
        ...judgeNetworks(release, names),
        ...judgeVolumes(release, names, settings.adoptVolumes),
        ...judgeReplacement(release, names, settings.composeFile),
        ...judgeImages(images, canBuild),
        ...judgeDisk(space, need, limits, info.dataRoot),
        ...judgeMemory(info.memoryBytes, space, need, limits),
    ];
}

/** State and reports lie in the project: what cannot be kept must not be found out half way. */
async function requireReportFolder(stack: string, projectDir = "."): Promise<void> {
    await requireWritable(path.resolve(projectDir), [path.resolve(projectDir, reportFolder(stack))]);
}

/** Not asked where nothing new needs it. What this machine does not tell of the engine's, the stack's own edge can. */
async function spaceFacts(engine: Engine, release: Release, look: EngineLook, need: SpaceNeed): Promise<MachineSpace> {
    const nothing: MachineSpace = { diskFree: undefined, memoryAvailable: undefined };
    if (need.fresh.length === 0) return nothing;
    const here = look.isHere ? await localSpace(look.info.dataRoot) : nothing;
    if (here.diskFree !== undefined && here.memoryAvailable !== undefined) return here;
    const edge = look.containers.find(
        ({ labels, state }) => isOwn(labels, release) && labels["plumbline.service"] === "edge" && state === "running",
    );
    return edge === undefined ? here : remoteSpace(engine, edge.id);
}

/** The one warning of a preview that no engine answers. */
function withoutEngine({ message, remedy }: PlumblineError): string {
    return [
        `${message}. The plan is made without it: its version, disk and memory, images, ports, networks and volumes could`,
        "not be judged, and nobody could ask for an open transaction, a pin, a quarantine or moved ports.",
        `An update needs the engine. ${remedy}`,
    ].join(" ");
}

function noteOf({ result, message, remedy }: PreflightFinding): string {
    if (result === "pass") return message;
    const word = result === "inconclusive" ? "not certain" : "would be refused";
    return `${word}: ${message}. ${remedy}`;
}
