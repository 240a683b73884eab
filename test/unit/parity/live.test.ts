/** The comparison of two collected deployments, without any engine. */
import { describe, expect, test } from "@jest/globals";
import { type Fact, known, unknown } from "../../../validation/facts/fact.ts";
import { describeAnswer, shapeOf } from "../../../validation/facts/live-answers.ts";
import { compareLive, undeclared } from "../../../validation/parity/live.ts";
import { liveRules } from "../../../validation/parity/live-rules.ts";

const facts = (values: Record<string, string | Fact<string>>) =>
    Object.fromEntries(
        Object.entries(values).map(([name, value]) => [name, typeof value === "string" ? known(value) : value]),
    );

const compare = (a: Record<string, string | Fact<string>>, b: Record<string, string | Fact<string>>) =>
    compareLive(facts(a), facts(b));

describe("two deployments side by side", () => {
    test("give one finding a property of either, and nothing undeclared where both are the same [R30]", () => {
        const same = compare({ "api: init": "true" }, { "api: init": "true" });
        expect(same).toEqual([{ property: "api: init", result: "same", expected: "true", actual: "true" }]);
        expect(undeclared(same)).toEqual([]);
        const other = compare({ "postgres: table a.b": "r owner" }, { "api: init": "true" });
        expect(other.map(({ property, expected, actual }) => [property, expected, actual])).toEqual([
            ["api: init", "none", "true"],
            ["postgres: table a.b", "r owner", "none"],
        ]);
        expect(undeclared(other)).toEqual(other);
    });

    test("are inconclusive where one could not be asked, whatever the other says and a rule allows [R96]", () => {
        const found = compare(
            { "api: image": unknown("away"), "redis: redis": "x" },
            { "api: image": "plumbline/api:1", "redis: redis": unknown("away") },
        );
        expect(found.map(({ result }) => result)).toEqual(["inconclusive", "inconclusive"]);
        expect(undeclared(found)).toEqual(found);
    });

    test.each([
        ["api: ports.8000", "127.0.0.1:8000 on the container", "127.0.0.1:9000 on the edge", "intended"],
        ["api: ports.8000", "127.0.0.1:8000 on the container", "not published", "different"],
        ["api: networks.network.aliases", '["api"]', '["api"] on the edge', "intended"],
        ["api: networks.network.aliases", '["api"]', '["other"] on the edge', "different"],
        ["api: labels.com.docker.compose.project", "x", "none", "intended"],
        ["api: labels.team", "x", "none", "different"],
        ["api: environment.PLUMBLINE_REVISION", "digest a", "0000000a", "intended"],
        ["api: environment.LOG_LEVEL", "digest a", "digest b", "different"],
        ["storage: bucket documents", "none", "{}", "intended"],
        ["storage: bucket documents", "{}", "none", "different"],
        ["storage: bucket documents", '{"public":true}', '{"public":false}', "different"],
        ["storage: bucket documents", '{"file_size_limit":null}', '{"file_size_limit":5}', "intended"],
        ["storage: bucket documents", '{"file_size_limit":7}', '{"file_size_limit":5}', "different"],
        ["storage: bucket documents", '{"file_size_limit":5}', '{"file_size_limit":null}', "different"],
        ["api: image.id", "sha256:a", "sha256:b", "intended"],
        ["api: command", "a", "b", "different"],
    ])("a rule declares one difference and no other: %s, %s beside %s is %s [R30]", (property, a, b, result) => {
        expect(compare({ [property]: a }, { [property]: b })).toMatchObject([{ property, result }]);
    });

    test("say why with each declared difference, and every rule has a reason", () => {
        const [found] = compare({ "api: image": "a" }, { "api: image": "b" });
        expect(found?.rule).toEqual({ name: "built-image-name", reason: expect.stringMatching(/\.$/) });
        for (const { reason } of liveRules) expect(reason).toMatch(/^[A-Z].*\.$/);
    });
});

describe("an answer", () => {
    test("is its status, its headers and the shape of its body", () => {
        const headers = { Date: "Wed, 25 Nov 2026", "content-type": "application/json", "X-Request-Id": "77" };
        const body = '{"status":"ok"}';
        expect(describeAnswer("GET /health", { status: 200, headers, body, json: { status: "ok" } })).toEqual({
            "GET /health status": "200",
            "GET /health header date": "a date",
            "GET /health header content-type": "application/json",
            "GET /health header x-request-id": "an id",
            "GET /health body": "{status:string}",
        });
        const without = (text: string) =>
            describeAnswer("GET /", { status: 204, headers: {}, body: text, json: undefined });
        expect(without("")["GET / body"]).toBe("empty");
        expect(without("hello")["GET / body"]).toBe("text");
    });

    test.each([
        [{ b: 1, a: "x" }, "{a:string,b:number}"],
        [[{ a: 1 }, { a: 2 }], "[{a:number}]"],
        [[1, "x", null], "[null|number|string]"],
        [{ list: [] }, "{list:[]}"],
        [true, "boolean"],
        [null, "null"],
    ])("%j has the shape %s", (json, shape) => {
        expect(shapeOf(json)).toBe(shape);
    });
});
