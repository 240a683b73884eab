/** The two sides that the cases of a run share. */
import { Sides } from "./projects.ts";

/** The two sides of the run, made when first wanted; a signal removes them too. */
export class SharedSides {
    readonly #note: (text: string) => void;
    #sides: Promise<Sides> | undefined;

    constructor(note: (text: string) => void) {
        this.#note = note;
        for (const signal of ["SIGINT", "SIGTERM"] as const) {
            process.once(signal, () => {
                this.#note("Told to stop: removing what was started.");
                void this.dispose().finally(() => process.exit(130));
            });
        }
    }

    readonly get = (): Promise<Sides> => {
        if (this.#sides === undefined) {
            this.#note("Deploying both sides …");
            this.#sides = Sides.create();
        }
        return this.#sides;
    };

    async dispose(): Promise<void> {
        const sides = this.#sides;
        this.#sides = undefined;
        // Sides that could not be made have removed themselves, and the case has told why.
        await (await sides?.catch(() => undefined))?.dispose();
    }
}
