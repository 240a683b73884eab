/**
 * Fills the files of a service and stops in the middle of it: the first folder is written, the second is not. Says so, and
 * waits to be killed. Its argument is JSON: project, service, secrets.
 */
import { connectEngine } from "../../../engine/docker.ts";
import type { ServiceRelease } from "../../../release/types.ts";
import { fillFiles } from "../../../rollout/service-files.ts";

interface Request {
    readonly project: string;
    readonly service: ServiceRelease;
    readonly secrets: Readonly<Record<string, string>>;
}

const { project, service, secrets } = JSON.parse(process.argv[2] ?? "") as Request;
const engine = connectEngine();
const putFiles = engine.putFiles.bind(engine);
let written = 0;
engine.putFiles = async (...args) => {
    written += 1;
    if (written === 1) return putFiles(...args);
    console.log("half");
    await new Promise((resolve) => setTimeout(resolve, 600_000));
};
await fillFiles(engine, project, service, secrets);
