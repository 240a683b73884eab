/** Writes docs/settings.md from the schema of the settings: `npm run docs`. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describeSettings, type SettingDescription, stackNames } from "../release/settings-schema.ts";

/** Where the reference stands. */
export const settingsPage = path.join(import.meta.dirname, "settings.md");

const heading = `# Settings

<!-- Made by \`npm run docs\` from release/settings-schema.ts. Change the schema, not this page. -->

Every key that \`Pulumi.<stack>.yaml\` may set, with its default in each stack. A key that does not stand here, or a value
of the wrong shape, is refused before anything is touched.

Keys with a dot are nested. In the file:

\`\`\`yaml
config:
    plumbline:rollout:
        bakeSeconds: 120
\`\`\`

From the command line (note \`--path\`):

\`\`\`sh
pulumi config set --stack staging --path plumbline:rollout.bakeSeconds 120
\`\`\`

Secrets are best made with \`npm run secrets -- --stack staging\`; one of your own choice is set with
\`pulumi config set --stack staging --path plumbline:secrets.POSTGRES_PASSWORD --secret\`, which asks for the value.

One more key belongs to the Docker provider and to Plumbline alike: \`docker:host\`, the address of the engine. Unset, it is
\`DOCKER_HOST\`, or the engine on this machine.
`;

/** The page as text. Pure. */
export function renderSettings(settings: readonly SettingDescription[] = describeSettings()): string {
    const header = ["key", "unit or shape", ...stackNames, "meaning"];
    const rows = settings.map(({ key, unit, meaning, defaults }) => [
        `\`${key}\``,
        unit,
        ...stackNames.map((stack) => shown(defaults[stack])),
        meaning,
    ]);
    const table = [header, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
    // Padded as the formatter pads tables.
    const widths = header.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
    const [first, ...others] = table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)));
    const rule = widths.map((width) => "-".repeat(width));
    const lines = [first ?? [], rule, ...others].map((cells) => `| ${cells.join(" | ")} |`);
    return `${heading}\n${lines.join("\n")}\n`;
}

/** A default as a reader sees it: a dash where there is none. */
function shown(value: unknown): string {
    if (value === undefined) return "–";
    if (typeof value === "object" && value !== null && Object.keys(value).length === 0) return "none";
    return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

if (process.argv[1] === import.meta.filename) writeFileSync(settingsPage, renderSettings());
