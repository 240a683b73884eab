/** Stands for the CLI of a toy rollout: starts the provider's process and ends as it does. */
import { spawn } from "node:child_process";
import path from "node:path";

const program = path.join(import.meta.dirname, "toy-provider.ts");
const provider = spawn(process.execPath, [program, ...process.argv.slice(2)], { stdio: "inherit" });
provider.once("exit", (code) => {
    process.exitCode = code ?? 1;
});
