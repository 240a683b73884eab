/** The images that the program builds. */
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { BuiltImage, ServiceImage } from "../release/types.ts";

export interface ImagesArgs {
    /** The images that are built; those that are pulled are left to the engine. */
    readonly images: readonly BuiltImage[];
    /**
     * For each reference the token of the build that the engine holds, or a new one where the image is missing. A token
     * that differs from the recorded one is what makes the command run again: so an image is built when its source
     * digest changes or when it is gone, and not otherwise. Undefined where no engine could be asked, in a preview: the
     * recorded ones are then taken to be right.
     */
    readonly buildTokens: Readonly<Record<string, string>> | undefined;
    /** Address of the engine for the build; default: the one that the docker client finds. */
    readonly engineHost?: string;
}

/** Builds images from their Dockerfiles, each named by the digest of its source. */
export class Images extends pulumi.ComponentResource {
    readonly #commands = new Map<string, command.local.Command>();

    constructor(name: string, args: ImagesArgs, opts?: pulumi.ComponentResourceOptions) {
        super("plumbline:components:Images", name, {}, opts);
        const { buildTokens = {} } = args;
        const ignoreChanges = args.buildTokens === undefined ? ["environment", "triggers"] : [];
        for (const image of args.images) {
            const build = new command.local.Command(
                image.reference.replace(/[/:]/g, "-"),
                {
                    create: buildCommand(image),
                    environment: {
                        PLUMBLINE_BUILD: buildTokens[image.reference] ?? "",
                        ...(args.engineHost === undefined ? {} : { DOCKER_HOST: args.engineHost }),
                    },
                    triggers: [image.sourceDigest, buildTokens[image.reference] ?? ""],
                    logging: command.local.Logging.Stderr,
                },
                { parent: this, ignoreChanges },
            );
            this.#commands.set(image.reference, build);
        }
        this.registerOutputs({});
    }

    /** What a container of this image has to wait for. */
    builds(image: ServiceImage): pulumi.Resource[] {
        const build = this.#commands.get(image.reference);
        return build === undefined ? [] : [build];
    }
}

/** The shell command that builds an image, its token as a label. */
export function buildCommand(image: BuiltImage): string {
    const options = [
        ["--file", image.dockerfile],
        ["--label", `plumbline.source=${image.sourceDigest}`],
        ...(image.target === undefined ? [] : [["--target", image.target]]),
        ...Object.entries(image.args).map(([key, value]) => ["--build-arg", `${key}=${value}`]),
    ];
    const words = [image.reference, ...options.flat(), image.context].map(quoted).join(" ");
    return `sh components/build-image.sh ${words}`;
}

function quoted(word: string): string {
    return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
