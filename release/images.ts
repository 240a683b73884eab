/** The images of a release that the program builds. */
import type { BuiltImage, Release } from "./types.ts";

/** Each built image once, however many services use it; the edge's included. */
export function builtImages(release: Pick<Release, "edge" | "services">): BuiltImage[] {
    const byReference = new Map<string, BuiltImage>();
    for (const image of [release.edge.image, ...release.services.map((service) => service.image)]) {
        if (image.kind === "built") byReference.set(image.reference, image);
    }
    return [...byReference.values()];
}
