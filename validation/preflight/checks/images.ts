/** Whether every image is there, can be built, or can be pulled. Pure. */
import type { RegistryAnswer } from "../../../engine/docker.ts";
import { fail, inconclusive, type PreflightFinding, pass } from "../finding.ts";

/** An image that has to come from a registry: `held` already, or what its registry answered. */
export type ImageSource = { readonly answer: "held" } | RegistryAnswer;

/** One image of the release. */
export type ImageFacts =
    | { readonly reference: string; readonly user: string; readonly state: "held" }
    | { readonly reference: string; readonly user: string; readonly state: "pull"; readonly source: ImageSource }
    | {
          readonly reference: string;
          readonly user: string;
          readonly state: "build";
          readonly dockerfile: string;
          /** The images it builds upon; undefined where the Dockerfile or the context cannot be read. */
          readonly bases: Readonly<Record<string, ImageSource>> | undefined;
          /** Names of base images that hang on something that is not given. */
          readonly unclear: readonly string[];
      };

/** @param canBuild a docker command is there, which builds */
export function judgeImages(images: readonly ImageFacts[], canBuild: boolean): PreflightFinding[] {
    const found = images.flatMap((image) => {
        if (image.state === "held") return [];
        if (image.state === "pull") return judgeSource(image.reference, `the image of ${image.user}`, image);
        if (image.bases === undefined) {
            return [
                fail({
                    check: "images",
                    category: "image",
                    ...service(image.user),
                    message: `the image ${image.reference} is gone, and cannot be built again: ${image.dockerfile} or its context cannot be read`,
                    remedy: "Bring the sources of that release back, or choose another one from `npm run releases`.",
                }),
            ];
        }
        return [
            ...Object.entries(image.bases).flatMap(([base, source]) =>
                judgeSource(base, `the base image of ${image.dockerfile}`, { user: image.user, source }),
            ),
            ...image.unclear.map((name) =>
                inconclusive({
                    check: "images",
                    category: "image",
                    ...service(image.user),
                    message: `nobody can say which image ${name} in ${image.dockerfile} is, so whether it can be had`,
                    remedy: "Give its build arguments a default in the Dockerfile.",
                }),
            ),
        ];
    });
    if (!canBuild && images.some(({ state }) => state === "build")) {
        found.push(
            fail({
                check: "images",
                category: "dependency",
                message: "images have to be built, and there is no docker command on PATH to build them",
                remedy: "Install the Docker command line client.",
            }),
        );
    }
    return found.length > 0 ? distinct(found) : [pass("images", "every image is there or can be made")];
}

function judgeSource(
    reference: string,
    what: string,
    { user, source }: { readonly user: string; readonly source: ImageSource },
): PreflightFinding[] {
    const about = { check: "images", category: "image", ...service(user) } as const;
    const name = `${reference}, ${what},`;
    switch (source.answer) {
        case "held":
        case "there":
            return [];
        case "missing":
            return [
                fail({
                    ...about,
                    message: `${name} is not on the engine, and its registry does not have it`,
                    remedy: "Correct its name or tag, or load it by hand: docker load.",
                }),
            ];
        case "silent":
            return [
                fail({
                    ...about,
                    message: `${name} is not on the engine, and its registry does not answer: ${source.said}`,
                    remedy: "Give the engine's machine access to the registry, or load the image by hand: docker load.",
                }),
            ];
        case "denied":
            return [
                inconclusive({
                    ...about,
                    message: `${name} is not on the engine, and its registry answers only to those who log in`,
                    remedy: "Pull it on the engine's machine by hand: docker login, docker pull.",
                }),
            ];
    }
}

function service(user: string): { service?: string } {
    return user === "edge" ? {} : { service: user };
}

/** Several services may build upon one base: it is said once. */
function distinct(findings: readonly PreflightFinding[]): PreflightFinding[] {
    const seen = new Set<string>();
    return findings.filter(({ message }) => !seen.has(message) && seen.add(message));
}
