/** Filling the volumes that hold a service's files, and removing what nobody uses any more. */
import { posix } from "node:path";
import type { Engine, FileEntry } from "../engine/docker.ts";
import { statusOf } from "../engine/docker-errors.ts";
import { PlumblineError } from "../release/errors.ts";
import { type FileVolume, filesRole, fileVolumes } from "../release/file-volumes.ts";
import { substituteSecrets } from "../release/secrets.ts";
import type { FileRelease, Release, ServiceRelease } from "../release/types.ts";

type Values = Readonly<Record<string, string>>;

/** The label of a helper that tells whose files it carries. Never `plumbline.service`, by which containers of services are found. */
const ownerLabel = "plumbline.files-of";

/**
 * Writes a service's files onto its volumes, secrets filled in. A helper container of the service's own image, created
 * and never started, has the volumes read-write: the engine has copied the image's own files of those folders onto them.
 *
 * The same again when it is repeated, also after a kill in the middle of it. Call it only while no container reads them,
 * or with `keepSame`.
 *
 * @param options.keepSame leaves files alone whose content is right: a container that runs reads them. @default false
 */
export async function fillFiles(
    engine: Engine,
    project: string,
    service: ServiceRelease,
    secrets: Values,
    options: { readonly keepSame?: boolean } = {},
): Promise<void> {
    const volumes = fileVolumes(project, service);
    if (volumes.length === 0) return;
    await removeFileHelpers(engine, project, service.name);
    const helper = await engine.create({
        image: service.image.reference,
        entrypoint: ["never-started"],
        labels: { "plumbline.project": project, "plumbline.role": filesRole, [ownerLabel]: service.name },
        mounts: volumes.map(({ name, folder }) => ({ volume: name, target: folder })),
    });
    try {
        for (const volume of volumes) {
            const entries = entriesOf(volume, service.spec.user, secrets);
            const wanted =
                options.keepSame === true ? await differing(engine, helper, volume.folder, entries) : entries;
            if (wanted.length > 0) await engine.putFiles(helper, volume.folder, wanted);
        }
    } finally {
        await engine.remove(helper);
    }
}

async function differing(
    engine: Engine,
    helper: string,
    folder: string,
    entries: readonly FileEntry[],
): Promise<FileEntry[]> {
    const found = await Promise.all(entries.map(({ name }) => engine.getFile(helper, posix.join(folder, name))));
    return entries.filter(({ content }, index) => found[index]?.equals(Buffer.from(content)) !== true);
}

/** Whether the service finds files of the baseline in its container. */
export function hasFiles(service: Pick<ServiceRelease, "name" | "revision" | "spec">): boolean {
    return fileVolumes("any", service).length > 0;
}

/** The files of a volume as they are written, with their owners. */
export function entriesOf({ folder, files }: FileVolume, user: string | undefined, secrets: Values): FileEntry[] {
    return files.map((file) => ({
        name: posix.relative(folder, file.target),
        content: contentOf(file, secrets),
        mode: file.mode,
        ...ownerOf(file, user),
    }));
}

function contentOf({ content, encoding }: FileRelease, secrets: Values): string | Buffer {
    return encoding === "base64" ? Buffer.from(content, "base64") : substituteSecrets(content, secrets);
}

/** A file that only its owner may read belongs to the service's user, where nothing else is said of either. */
function ownerOf({ uid, gid }: FileRelease, user = ""): { uid: number; gid: number } {
    const [, ownUid, ownGid] = /^(\d+)(?::(\d+))?$/.exec(user) ?? [];
    return { uid: uid ?? Number(ownUid ?? 0), gid: gid ?? Number(ownGid ?? 0) };
}

/** Removes helpers that a kill has left: they would keep volumes from being deleted. @param service all services when absent */
export async function removeFileHelpers(engine: Engine, project: string, service?: string): Promise<void> {
    const left = await engine.list({
        "plumbline.project": project,
        "plumbline.role": filesRole,
        ...(service === undefined ? {} : { [ownerLabel]: service }),
    });
    for (const { id } of left) await engine.remove(id);
}

/**
 * Removes helpers that a kill has left, and the volumes of files that no container has any more. Usually Pulumi deletes
 * a volume after the container of its revision; this is for what a killed deployer or a lost state has left behind.
 * A data volume has another role, and is never touched.
 *
 * @param release whose volumes stay, also where their containers are gone
 */
export async function removeFileLeftovers(
    engine: Engine,
    project: string,
    release?: Pick<Release, "services">,
): Promise<void> {
    await removeFileHelpers(engine, project);
    const kept = new Set(
        release?.services.flatMap((service) => fileVolumes(project, service).map(({ name }) => name)) ?? [],
    );
    for (const { name } of await engine.volumes({ "plumbline.project": project, "plumbline.role": filesRole })) {
        if (!kept.has(name)) await removeUnused(engine, name);
    }
}

async function removeUnused(engine: Engine, volume: string): Promise<void> {
    try {
        await engine.removeVolume(volume);
    } catch (error) {
        // A container has it.
        if (!(error instanceof PlumblineError) || statusOf(error.cause) !== 409) throw error;
    }
}
