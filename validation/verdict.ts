/** What the judges of this room say. */

/** One service as it was judged. */
export interface Verdict {
    readonly service: string;
    /** `inconclusive` where a question could not be put: it says nothing, and is never a pass (R96). */
    readonly result: "pass" | "fail" | "inconclusive";
    /** Empty on a pass; otherwise what was expected and what was found. */
    readonly findings: readonly string[];
}
