/** Collects what tells strangers from the stack's own: labels first, and only where they are silent its history. */
import type { Engine } from "../../engine/docker.ts";
import type { Release } from "../../release/types.ts";
import { belongs, type NameFacts } from "./checks/names.ts";
import type { EngineLook } from "./look.ts";
import { isOwn } from "./ours.ts";

/** What the ledger knows of the stack's past. */
export interface History {
    /** The newest release that was ever committed here, also of a stack that was taken down since. */
    newestRelease(): Promise<Release | undefined>;
}

export async function nameFacts(
    engine: Pick<Engine, "inspect">,
    release: Release,
    look: EngineLook,
    history: History,
): Promise<NameFacts> {
    const { containers, networks, volumes } = look;
    const facts: NameFacts = { containers, networks, volumes, known: new Set(), aliases: {} };
    const names = namesOf(release);
    const isInDoubt = [...networks, ...volumes].some((it) => names.has(it.name) && !belongs(it, release, facts));
    return {
        ...facts,
        known: isInDoubt ? await knownNames(history) : facts.known,
        aliases: await aliasesOfStrangers(engine, release, look),
    };
}

function namesOf(release: Release): Set<string> {
    const { networks, volumes, edge, project } = release;
    return new Set([...[...networks, ...volumes].map(({ name }) => name), edge.configVolume, `${project}_ledger`]);
}

async function knownNames(history: History): Promise<ReadonlySet<string>> {
    const newest = await history.newestRelease();
    return newest === undefined ? new Set() : namesOf(newest);
}

/** Only containers of others on the stack's own networks are looked at, of which there are usually none. */
async function aliasesOfStrangers(
    engine: Pick<Engine, "inspect">,
    release: Release,
    { containers }: EngineLook,
): Promise<Record<string, readonly string[]>> {
    const own = release.networks.map(({ name }) => name);
    const strangers = containers.filter(
        ({ labels, networks }) => !isOwn(labels, release) && networks.some((name) => own.includes(name)),
    );
    const found = await Promise.all(
        strangers.map(async ({ id }) => {
            const networks = (await engine.inspect(id))?.raw.NetworkSettings.Networks ?? {};
            return [id, own.flatMap((name) => networks[name]?.Aliases ?? [])] as const;
        }),
    );
    return Object.fromEntries(found);
}
