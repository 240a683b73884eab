/** Writes the parity report in all its forms, readable by its owner only (R65), pruned as validation results are (R70). */
import path from "node:path";
import { type ParityReport, renderFindingsJson, renderFindingsText } from "./findings.ts";
import { renderHtml } from "./html.ts";
import { renderJunit } from "./junit.ts";
import { makePrivateFolder, writePrivateFile } from "./write.ts";

/** Paths relative to the project folder. */
export interface WrittenFindings {
    readonly text: string;
    readonly json: string;
    readonly junit: string;
    readonly html: string;
}

/**
 * Writes `validation.findings.txt`, `validation.findings.json`, `validation.junit.xml` and `validation.html`.
 * @param folder relative to the project folder, as in `infrastructure/reports/local/<transaction>`; made where missing
 */
export async function writeFindings(
    projectDir: string,
    folder: string,
    report: ParityReport,
): Promise<WrittenFindings> {
    const file = (name: string) => path.posix.join(folder, name);
    const written = {
        text: file("validation.findings.txt"),
        json: file("validation.findings.json"),
        junit: file("validation.junit.xml"),
        html: file("validation.html"),
    };
    await makePrivateFolder(path.join(projectDir, folder));
    const contents: readonly [string, string][] = [
        [written.text, renderFindingsText(report)],
        [written.json, renderFindingsJson(report)],
        [written.junit, renderJunit(report)],
        [written.html, renderHtml(report)],
    ];
    for (const [name, content] of contents) await writePrivateFile(path.join(projectDir, name), content);
    return written;
}
