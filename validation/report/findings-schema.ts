/** Writes `findings.schema.json` anew: `node validation/report/findings-schema.ts`, after a change of the report's shape. */
import { writeFile } from "node:fs/promises";
import { findingsJsonSchema } from "./findings.ts";

await writeFile(new URL("findings.schema.json", import.meta.url), findingsJsonSchema());
