/** Which reports are old enough to go (R70). Pure: the folder is listed and emptied in write.ts. */

/** Days that each kind of report is kept. Defaults stand in the settings. */
export interface ReportRetention {
    readonly deploymentDays: number;
    readonly healthDays: number;
    readonly performanceDays: number;
    readonly validationDays: number;
    readonly rollbackDays: number;
}

/** R70's numbers: deployment summary 30, health 7, performance 30, validation 30, rollback summary 90 days. */
export const defaultRetention: ReportRetention = {
    deploymentDays: 30,
    healthDays: 7,
    performanceDays: 30,
    validationDays: 30,
    rollbackDays: 90,
};

/** A file below `infrastructure/reports/<stack>/`. */
export interface ReportFile {
    /** Path relative to the stack's report folder, with `/`. */
    readonly path: string;
    /** Milliseconds since 1970. */
    readonly modifiedAt: number;
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * The files that are older than their kind is kept, in the order given.
 *
 * The kind is the beginning of the file's name. Evidence (timeline, start-up logs) of a transaction goes with the longest
 * kept report of its folder, never before. Files beside the transactions' folders are the running state and stay.
 */
export function expiredReports(files: readonly ReportFile[], now: number, retention: ReportRetention): string[] {
    const expiry = (file: ReportFile) => {
        const days = daysOf(file.path, retention);
        return days === null ? null : file.modifiedAt + days * dayMs;
    };
    const folders = new Map<string, number>();
    for (const file of files) {
        const until = expiry(file);
        if (until === null) continue;
        const folder = folderOf(file.path);
        folders.set(folder, Math.max(folders.get(folder) ?? 0, until));
    }
    return files
        .filter((file) => {
            const folder = folderOf(file.path);
            if (folder === "") return false;
            const until = expiry(file) ?? folders.get(folder) ?? file.modifiedAt + retention.deploymentDays * dayMs;
            return until < now;
        })
        .map((file) => file.path);
}

function folderOf(path: string): string {
    const slash = path.indexOf("/");
    return slash === -1 ? "" : path.slice(0, slash);
}

function daysOf(path: string, retention: ReportRetention): number | null {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (name.startsWith("deployment.")) return retention.deploymentDays;
    if (name.startsWith("health.")) return retention.healthDays;
    if (name.startsWith("performance.")) return retention.performanceDays;
    if (name.startsWith("validation.")) return retention.validationDays;
    if (name.startsWith("rollback.")) return retention.rollbackDays;
    return null;
}
