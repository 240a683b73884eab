/** What a Dockerfile says that its image listens on. */
import { expect, test } from "@jest/globals";
import { portsOfDockerfile } from "../../../release/exposed-ports.ts";

const ports = (text: string, args: Record<string, string> = {}, target?: string) =>
    portsOfDockerfile(text, { args, ...(target === undefined ? {} : { target }) });

const cases: [what: string, text: string, expected: number[]][] = [
    ["none", "FROM scratch\n", []],
    [
        "several, with a range and a protocol",
        "FROM scratch\nEXPOSE 80 443/tcp 7000-7002\nexpose 22\n",
        [22, 80, 443, 7000, 7001, 7002],
    ],
    ["no udp", "FROM scratch\nEXPOSE 53/udp 53\n", [53]],
    ["none of a comment", "FROM scratch\n# EXPOSE 80\n", []],
    ["continued lines, with a comment between", "FROM scratch\nEXPOSE 80 \\\n# why\n  81\n", [80, 81]],
    ["those of the last stage alone", "FROM a AS build\nEXPOSE 1\nFROM b\nEXPOSE 2\n", [2]],
    [
        "those of the stage that it is made from",
        "FROM a AS base\nEXPOSE 1\nFROM --platform=linux/amd64 Base\nEXPOSE 2\n",
        [1, 2],
    ],
    ["a variable's default", `FROM scratch\nARG PORT=8080\nEXPOSE \${PORT}\n`, [8080]],
    ["a variable of the environment", 'FROM scratch\nENV A=1 PORT="8081"\nEXPOSE $PORT/tcp\n', [8081]],
    ["the environment in the old form", "FROM scratch\nENV PORT 8082\nEXPOSE $PORT\n", [8082]],
    ["a default where the variable has none", `FROM scratch\nEXPOSE \${PORT:-8083}\n`, [8083]],
    ["nothing for a variable without a value", "FROM scratch\nARG PORT\nEXPOSE $PORT 80\n", [80]],
    [
        "an argument of the first lines, where the stage asks for it",
        "ARG PORT=9\nFROM scratch\nARG PORT\nEXPOSE $PORT\n",
        [9],
    ],
    ["and not where it does not", "ARG PORT=9\nFROM scratch\nEXPOSE $PORT\n", []],
];
test.each(cases)("%s", (_, text, expected) => {
    expect(ports(text)).toEqual(expected);
});

test("an argument of the build goes before its default", () => {
    expect(ports("FROM scratch\nARG PORT=1\nEXPOSE $PORT\n", { PORT: "2" })).toEqual([2]);
});

test("a target is what is built", () => {
    expect(ports("FROM a AS One\nEXPOSE 1\nFROM a AS two\nEXPOSE 2\n", {}, "one")).toEqual([1]);
});
