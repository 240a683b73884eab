/** Which release a plan is about: the baseline's, or the one that pin, quarantine or a command put in its place. */
import type { Engine } from "../engine/docker.ts";
import { PlumblineError } from "../release/errors.ts";
import { builtImages } from "../release/images.ts";
import { containerResource, type Renewals } from "../release/renewals.ts";
import { canonicalJson } from "../release/revision.ts";
import { didYouMean } from "../release/suggest.ts";
import type { Release } from "../release/types.ts";
import { busy, type CommitRecord, type Ledger, type LedgerState } from "./ledger.ts";
import { isKnownDead } from "./process.ts";

/** Environment variable that names a quarantined release which is wanted all the same. */
export const forceVariable = "PLUMBLINE_FORCE";
/** Environment variable that names a committed release which is wanted in the place of the baseline's. */
export const releaseVariable = "PLUMBLINE_RELEASE";
/** Environment variable that names a pinned release which is not to hold this one run. */
export const unpinVariable = "PLUMBLINE_UNPIN";
/** Environment variable that names services of the release that runs, and `edge`, whose containers are to be made anew. */
export const renewVariable = "PLUMBLINE_RENEW";

export interface Choice {
    readonly release: Release;
    /** The release as the text that is recorded. */
    readonly text: string;
    /** What every plan has to say, in words. */
    readonly notes: readonly string[];
    /** The transaction that a dead deployer has left: the next rollout ends it first. */
    readonly abandoned: string | undefined;
    /** Which containers were made anew in their revision, and how often. */
    readonly renewals: Renewals;
    /** What runs, as it was committed; none where nothing was, or no engine could be asked. */
    readonly lastCommit: CommitRecord | undefined;
}

export interface ChooseOptions {
    readonly engine: Pick<Engine, "image">;
    readonly ledger: Pick<Ledger, "state" | "releaseText" | "commits">;
    /** False where no engine can be asked, and with it no ledger: preflight decides what that means. @default true */
    readonly isReached?: boolean;
    readonly env: Readonly<Record<string, string | undefined>>;
    /** A preview shows what an update would refuse. */
    readonly isPreview: boolean;
}

/**
 * The baseline's release, unless a command names another one, a pin holds one, or it is quarantined: then a preview shows
 * the last known good one.
 *
 * @throws PlumblineError when an update of a quarantined release is not forced, another deployer is at work, a release
 * that is to be put back cannot be run as it was committed, or containers are to be made anew of one that does not run
 */
export async function chooseRelease(baseline: Release, options: ChooseOptions): Promise<Choice> {
    if (options.isReached === false) {
        refuseUnknown(options.env[releaseVariable]);
        const nothing = { notes: [], abandoned: undefined, renewals: {}, lastCommit: undefined };
        return { release: baseline, text: canonicalJson(baseline), ...nothing };
    }
    const state = await options.ledger.state();
    const choice = await chosen(baseline, state, options);
    const renewals = renewalsOf(choice.release, state, options.env[renewVariable] ?? "");
    return { ...choice, renewals, lastCommit: state.lastCommit };
}

async function chosen(
    baseline: Release,
    state: LedgerState,
    options: ChooseOptions,
): Promise<Omit<Choice, "renewals" | "lastCommit">> {
    const pin = state.pin?.release === options.env[unpinVariable] ? undefined : state.pin;
    const abandoned = openTransaction(baseline, state, options);
    const asked = options.env[releaseVariable] || undefined;
    const wanted = asked ?? pin?.release;
    if (wanted !== undefined) {
        const pinned = `pinned to release ${wanted} by ${pin?.by} since ${pin?.at}; \`npm run deploy -- --unpin\` ends it`;
        const notes = asked === undefined ? [pinned] : [];
        return {
            ...(await committed(wanted, options)),
            notes: [...notes, ...abandoned.notes],
            abandoned: abandoned.transaction,
        };
    }
    const own = { release: baseline, text: canonicalJson(baseline), abandoned: abandoned.transaction };
    const record = state.quarantine[baseline.id];
    if (record === undefined || options.env[forceVariable] === baseline.id) return { ...own, notes: abandoned.notes };
    const refusal = new PlumblineError(
        "rollback",
        `release ${baseline.id} was undone by transaction ${record.transaction} on ${record.at}: ${firstLine(record.reason)}`,
        { remedy: "change what failed, or deploy it all the same with `npm run deploy -- --force`" },
    );
    if (!options.isPreview) throw refusal;
    const notes = [`quarantined: ${refusal.format()}`, ...abandoned.notes];
    if (state.lastCommit === undefined) return { ...own, notes };
    const good = await committed(state.lastCommit.release, options);
    return {
        ...good,
        notes: [...notes, `the plan shows the last known good release ${good.release.id}`],
        abandoned: own.abandoned,
    };
}

/** Those of the last commit, as far as the release still has the revision, and one more for each that is asked for. */
function renewalsOf(release: Release, { lastCommit }: LedgerState, asked: string): Renewals {
    const subjects = [{ name: "edge", revision: release.edge.revision }, ...release.services];
    const names = asked.split(",").map((name) => name.trim());
    const wanted = new Set(names.filter((name) => name !== ""));
    const known = subjects.map(({ name }) => name);
    for (const name of wanted) {
        if (known.includes(name)) continue;
        const message = `${renewVariable} names ${name}, which release ${release.id} does not have${didYouMean(name, known)}`;
        throw new PlumblineError("settings", message, { remedy: `name one of ${known.join(", ")}` });
    }
    if (wanted.size > 0 && lastCommit?.release !== release.id) {
        const runs = lastCommit === undefined ? "nothing runs" : `release ${lastCommit.release} runs`;
        throw new PlumblineError(
            "rollback",
            `containers of release ${release.id} cannot be made anew: ${runs} (${renewVariable})`,
            { remedy: "`npm run validate -- --fix` compares what runs now and makes anew what drifts" },
        );
    }
    const counts = subjects.map(({ name, revision }): [string, number] => {
        const key = containerResource(name, revision);
        return [key, (lastCommit?.renewals?.[key] ?? 0) + (wanted.has(name) ? 1 : 0)];
    });
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** Without an engine there is no ledger, and so no other release than the baseline's. */
function refuseUnknown(asked: string | undefined): void {
    if (!asked) return;
    throw new PlumblineError("engine", `release ${asked} cannot be looked up without the Docker engine`, {
        remedy: `start the engine, or take ${releaseVariable} out of the environment`,
    });
}

function openTransaction(
    release: Release,
    state: LedgerState,
    options: ChooseOptions,
): { readonly transaction: string | undefined; readonly notes: readonly string[] } {
    const { open } = state;
    if (open === undefined) return { transaction: undefined, notes: [] };
    if (isKnownDead(open)) {
        const note = `transaction ${open.transaction} of a deployer that is gone is still open; the next deploy ends it first`;
        return { transaction: open.transaction, notes: [note] };
    }
    if (!options.isPreview) throw busy(release.project, open);
    return { transaction: undefined, notes: [busy(release.project, open).format()] };
}

/** A release of the ledger that can be run as it was committed. */
async function committed(id: string, options: ChooseOptions): Promise<Pick<Choice, "release" | "text">> {
    const text = await options.ledger.releaseText(id);
    const commit = (await options.ledger.commits()).find((record) => record.release === id);
    if (text === undefined || commit === undefined) {
        throw new PlumblineError("rollback", `release ${id} was never committed here`, {
            remedy: "`npm run releases` lists those that were",
        });
    }
    const release = JSON.parse(text) as Release;
    await assertImages(release, commit, options.engine);
    return { release, text };
}

/** The images are the ones that were committed: putting a release back runs those, or refuses (F2). */
async function assertImages(release: Release, commit: CommitRecord, engine: Pick<Engine, "image">): Promise<void> {
    for (const { name, image } of release.services) {
        const facts = await engine.image(image.reference);
        const wanted = commit.images[name];
        if (facts !== undefined && (wanted === undefined || facts.id === wanted)) continue;
        const state = facts === undefined ? "is gone" : `is another one now (${facts.id})`;
        throw new PlumblineError(
            "image",
            `release ${release.id} cannot be put back: its image ${image.reference} ${state}`,
            {
                service: name,
                remedy: "deploy the sources of that release instead, or choose another one from `npm run releases`",
            },
        );
    }
    for (const { reference } of builtImages(release)) {
        if ((await engine.image(reference)) !== undefined) continue;
        throw new PlumblineError("image", `release ${release.id} cannot be put back: its image ${reference} is gone`, {
            remedy: "deploy the sources of that release instead, or choose another one from `npm run releases`",
        });
    }
}

function firstLine(text: string): string {
    return text.split("\n", 1)[0] ?? "";
}
