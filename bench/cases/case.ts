/** What every case is: a name, a bound on its time, and a measurement. */
import type { BenchOptions, Figure } from "../figures.ts";
import type { Sides } from "../projects.ts";

export interface Measured {
    readonly figures: readonly Figure[];
    readonly details: Readonly<Record<string, unknown>>;
}

export interface CaseContext {
    readonly options: BenchOptions;
    /** Both sides, running the same; made when they are first asked for, and shared by the cases of a run. */
    readonly sides: () => Promise<Sides>;
    readonly note: (text: string) => void;
}

export interface BenchCase {
    /** For `--case`. */
    readonly name: string;
    readonly title: string;
    /** After so many minutes the case is given up. */
    readonly mostMinutes: number;
    readonly measure: (context: CaseContext) => Promise<Measured>;
}
