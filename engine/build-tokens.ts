/** Which images the engine holds, as tokens that decide whether the build commands run again. */
import { randomUUID } from "node:crypto";
import type { BuiltImage } from "../release/types.ts";
import type { Engine } from "./docker.ts";

/**
 * The token of the build for each reference: the one that the engine's image carries as a label, or a new one where the
 * image is gone or was not built by us, which makes its command run.
 */
export async function imageBuildTokens(
    engine: Pick<Engine, "image">,
    images: readonly BuiltImage[],
    newToken: () => string = randomUUID,
): Promise<Record<string, string>> {
    const tokens = await Promise.all(
        images.map(async ({ reference }) => {
            const facts = await engine.image(reference);
            return [reference, facts?.labels["plumbline.build"] || newToken()] as const;
        }),
    );
    return Object.fromEntries(tokens);
}
