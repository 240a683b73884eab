/** Which images a Dockerfile builds upon. */
import { describe, expect, test } from "@jest/globals";
import { dockerfileBases } from "../../../release/dockerfile.ts";

/** `${NAME}` as it stands in a Dockerfile. */
const braced = (name: string) => `\${${name}}`;
const bases = (text: string, args = {}, target?: string) => dockerfileBases(text, args, target);

describe("the base images of a Dockerfile [R11]", () => {
    test("are those of its FROM lines, each once, stages and scratch left out", () => {
        const text = [
            "# FROM nothing",
            "FROM --platform=linux/amd64 debian:bookworm-slim AS base",
            "from node:24 as Build",
            "FROM base AS second",
            "FROM build",
            "FROM scratch",
            "FROM debian:bookworm-slim",
        ].join("\n");
        expect(bases(text)).toEqual({ bases: ["debian:bookworm-slim", "node:24"], unclear: [] });
    });

    test("take their arguments from what is given, then from the default", () => {
        const text = `ARG BASE=debian\nARG TAG="12"\nFROM ${braced("BASE")}:$TAG\n`;
        expect(bases(text).bases).toEqual(["debian:12"]);
        expect(bases(text, { TAG: "13" }).bases).toEqual(["debian:13"]);
        expect(bases(`FROM ${braced("BASE:-alpine")}`).bases).toEqual(["alpine"]);
    });

    test("are unclear where an argument has no value, or stands after the first stage", () => {
        expect(bases("ARG BASE\nFROM $BASE")).toEqual({ bases: [], unclear: ["$BASE"] });
        expect(bases("FROM scratch\nARG BASE=x\nFROM $BASE")).toEqual({ bases: [], unclear: ["$BASE"] });
    });

    test("end with the stage that is built, and are read over continued lines", () => {
        const text = "FROM \\\n  debian:12 AS one\nFROM redis:7 AS two\n";
        expect(bases(text, {}, "one").bases).toEqual(["debian:12"]);
        expect(bases(text).bases).toEqual(["debian:12", "redis:7"]);
    });
});
