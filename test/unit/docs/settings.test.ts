/** The settings reference is made from the schema, and is not older than it. */
import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { renderSettings, settingsPage } from "../../../docs/generate-settings.ts";
import { describeSettings } from "../../../release/settings-schema.ts";

test("docs/settings.md is what `npm run docs` makes of the schema", () => {
    expect(readFileSync(settingsPage, "utf8")).toBe(renderSettings());
});

test("the page has one row for each setting, with its defaults", () => {
    const rows = renderSettings()
        .split("\n")
        .filter((line) => line.startsWith("| `plumbline:"));
    expect(rows.map((row) => row.split("`")[1])).toEqual(describeSettings().map(({ key }) => key));
    const bake = rows.find((row) => row.includes("rollout.bakeSeconds"))?.split("|");
    expect(bake?.slice(3, 6).map((cell) => cell.trim())).toEqual(["`5`", "`60`", "`300`"]);
});

test("a changed default makes a stale page", () => {
    const [first, ...rest] = describeSettings();
    if (first === undefined) throw new Error("the schema has no settings");
    const changed = { ...first, defaults: { ...first.defaults, local: "another" } };
    expect(renderSettings([changed, ...rest])).not.toBe(readFileSync(settingsPage, "utf8"));
});
