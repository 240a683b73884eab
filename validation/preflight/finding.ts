/** What a check before the deploy says, and the one error that all failing ones become. Pure. */
import { type ErrorCategory, PlumblineError } from "../../release/errors.ts";

/** What is checked before the first resource. */
export type CheckName = "engine" | "disk" | "memory" | "images" | "ports" | "project" | "networks" | "volumes";

/**
 * `pass`, `fail`, or `inconclusive`: a fact could not be had, which is never a pass (R96). An inconclusive finding is a
 * warning that names what is not known; with `refuses` an update is refused as well.
 */
export interface PreflightFinding {
    readonly check: CheckName;
    readonly result: "pass" | "fail" | "inconclusive";
    /** The thing and the cause. */
    readonly message: string;
    /** The next step; empty where nothing needs to be done. */
    readonly remedy: string;
    readonly category: ErrorCategory;
    /** The service that it is about, where it is about one. */
    readonly service?: string;
    readonly refuses?: true;
    /** A pass that every plan has to tell, since a person chose something. */
    readonly told?: true;
}

/** The parts of a finding that is no pass. */
export type Objection = Pick<PreflightFinding, "check" | "message" | "remedy" | "category"> &
    Partial<Pick<PreflightFinding, "service" | "refuses">>;

export function pass(check: CheckName, message: string): PreflightFinding {
    return { check, result: "pass", message, remedy: "", category: "engine" };
}

export function fail(objection: Objection): PreflightFinding {
    return { ...objection, result: "fail" };
}

export function inconclusive(objection: Objection): PreflightFinding {
    return { ...objection, result: "inconclusive" };
}

/** Whether an update must not go on with this. A preview goes on with what is only not known. */
export function stands(finding: PreflightFinding, isPreview: boolean): boolean {
    return finding.result === "fail" || (finding.refuses === true && finding.result !== "pass" && !isPreview);
}

/** One error for everything that stands against the deploy, in the order of the checks; one finding speaks for itself. */
export function refusalOf(findings: readonly PreflightFinding[]): PlumblineError {
    const [first] = findings;
    if (first === undefined) throw new Error("nothing stands against the deploy");
    if (findings.length === 1) {
        const { category, message, remedy, service } = first;
        return new PlumblineError(category, message, { remedy, ...(service === undefined ? {} : { service }) });
    }
    const lines = findings.map(({ message, remedy }) => `  - ${message}\n    ${remedy}`);
    return new PlumblineError(
        first.category,
        [`${findings.length} things stand against this deploy:`, ...lines].join("\n"),
        { remedy: "Mend each as the line below it says; nothing was changed." },
    );
}
