/** Collects where each image of a release would come from: the engine first; only what it lacks is asked for elsewhere. */
import { access, constants, readFile, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Engine, ImageFacts as HeldImage } from "../../engine/docker.ts";
import { dockerfileBases } from "../../release/dockerfile.ts";
import type { BuiltImage, Release, ServiceImage } from "../../release/types.ts";
import type { ImageFacts, ImageSource } from "./checks/images.ts";

/** What the engine holds, by reference; undefined where it does not. */
export type HeldImages = ReadonlyMap<string, HeldImage | undefined>;

/** Asks the engine for every image of the release, each once. */
export async function heldImages(engine: Pick<Engine, "image">, release: Release): Promise<HeldImages> {
    const references = [...new Set(usesOf(release).map(({ image }) => image.reference))];
    return new Map(await Promise.all(references.map(async (it) => [it, await engine.image(it)] as const)));
}

/**
 * @param projectDir where the Dockerfiles of images are that have to be built
 * @param registryMs longest wait for the answer of a registry
 */
export async function imageFacts(
    engine: Pick<Engine, "image" | "registryAnswer">,
    release: Release,
    held: HeldImages,
    projectDir: string,
    registryMs: number,
): Promise<readonly ImageFacts[]> {
    const answers = new Map<string, Promise<ImageSource>>();
    const sourceOf = (reference: string): Promise<ImageSource> => {
        const answer = answers.get(reference) ?? askFor(engine, reference, registryMs);
        answers.set(reference, answer);
        return answer;
    };
    const distinct = new Map(usesOf(release).map((use) => [use.image.reference, use]));
    return Promise.all(
        [...distinct.values()].map(async ({ user, image }): Promise<ImageFacts> => {
            const { reference } = image;
            if (held.get(reference) !== undefined) return { reference, user, state: "held" };
            if (image.kind === "pulled") return { reference, user, state: "pull", source: await sourceOf(reference) };
            const text = await dockerfileOf(image, projectDir);
            const { dockerfile } = image;
            if (text === undefined) {
                return { reference, user, state: "build", dockerfile, bases: undefined, unclear: [] };
            }
            const { bases, unclear } = dockerfileBases(text, image.args, image.target);
            const sources = await Promise.all(bases.map(async (base) => [base, await sourceOf(base)] as const));
            return { reference, user, state: "build", dockerfile, bases: Object.fromEntries(sources), unclear };
        }),
    );
}

async function askFor(
    engine: Pick<Engine, "image" | "registryAnswer">,
    reference: string,
    registryMs: number,
): Promise<ImageSource> {
    if ((await engine.image(reference)) !== undefined) return { answer: "held" };
    return engine.registryAnswer(reference, registryMs);
}

function usesOf(release: Release): { readonly user: string; readonly image: ServiceImage }[] {
    return [
        { user: "edge", image: release.edge.image },
        ...release.services.map(({ name, image }) => ({ user: name, image })),
    ];
}

/** The text of the Dockerfile; undefined where it or the context is not there. */
async function dockerfileOf(image: BuiltImage, projectDir: string): Promise<string | undefined> {
    const context = await stat(join(projectDir, image.context)).catch(() => undefined);
    if (context?.isDirectory() !== true) return undefined;
    return readFile(join(projectDir, image.dockerfile), "utf8").catch(() => undefined);
}

/** Whether a docker command is there, which builds the images. */
export async function hasDockerCommand(path: string): Promise<boolean> {
    const names = process.platform === "win32" ? ["docker.exe"] : ["docker"];
    const files = path.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
    const found = await Promise.all(
        files.map((file) =>
            access(file, constants.X_OK).then(
                () => true,
                () => false,
            ),
        ),
    );
    return found.some(Boolean);
}
