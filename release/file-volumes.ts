/**
 * How files get into a container. The engine refuses to copy into a container with a read-only root, so each folder that
 * holds files is a volume of the service's revision, filled before the service starts and mounted read-only. Pure.
 */
import { posix } from "node:path";
import { compareText } from "./revision.ts";
import type { FileRelease, Mount, ServiceRelease } from "./types.ts";

export interface FileVolume {
    /** The engine's name, as in `insurance_navigator_files_api_3f9c1a2b_0`. */
    readonly name: string;
    /** Where it is mounted. The image's own files of this folder are on it too. */
    readonly folder: string;
    readonly files: readonly FileRelease[];
}

/** The folders that hold these files, each outermost one once: a mount below another read-only one needs a place there. */
export function fileFolders(targets: readonly string[]): string[] {
    const folders = [...new Set(targets.map((target) => posix.dirname(target)))].sort(compareText);
    return folders.filter((folder) => !folders.some((other) => folder.startsWith(`${other}/`)));
}

/** The volumes of a service's revision; none where it has no files. */
export function fileVolumes(
    project: string,
    service: Pick<ServiceRelease, "name" | "revision" | "spec">,
): FileVolume[] {
    // The ledger may hold releases from before there were files.
    const files: readonly FileRelease[] = service.spec.files ?? [];
    return fileFolders(files.map(({ target }) => target)).map((folder, index) => ({
        name: `${project}_files_${service.name}_${service.revision}_${index}`,
        folder,
        files: files.filter(({ target }) => target.startsWith(`${folder}/`)),
    }));
}

/** The same as mounts of the service's container. */
export function fileMounts(project: string, service: Pick<ServiceRelease, "name" | "revision" | "spec">): Mount[] {
    return fileVolumes(project, service).map(({ name, folder }) => ({
        type: "volume",
        source: name,
        target: folder,
        readOnly: true,
    }));
}

/** What stands in `plumbline.role` of these volumes, and of the containers that fill them. */
export const filesRole = "files";

/** Labels by which the volumes are found again when nobody uses them any more. */
export function fileVolumeLabels(
    project: string,
    service: Pick<ServiceRelease, "name" | "revision">,
): Record<string, string> {
    return {
        "plumbline.project": project,
        "plumbline.revision": service.revision,
        "plumbline.role": filesRole,
        "plumbline.service": service.name,
    };
}
