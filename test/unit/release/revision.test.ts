/** Names for content: canonical JSON and hashes. */
import { describe, expect, test } from "@jest/globals";
import { canonicalJson, compareText, hashOf } from "../../../release/revision.ts";

describe("canonical JSON", () => {
    test("does not depend on the order in which keys were written, at any depth", () => {
        const one = { b: [{ y: 1, x: 2 }], a: { d: null, c: "t" } };
        const other = { a: { c: "t", d: null }, b: [{ x: 2, y: 1 }] };
        expect(canonicalJson(one)).toBe(canonicalJson(other));
        expect(canonicalJson(one)).toBe('{"a":{"c":"t","d":null},"b":[{"x":2,"y":1}]}');
    });

    test("depends on the order of lists, on every value and on every key", () => {
        const texts = [[1, 2], [2, 1], ["1", 2], { a: 1 }, { a: "1" }, { b: 1 }, { a: null }, {}].map(canonicalJson);
        expect(new Set(texts).size).toBe(texts.length);
    });

    test("an undefined member is as good as absent", () => {
        expect(canonicalJson({ a: 1, b: undefined })).toBe(canonicalJson({ a: 1 }));
    });

    test("keeps a key named like a part of JavaScript", () => {
        const value = JSON.parse('{"__proto__":1,"constructor":2}');
        expect(canonicalJson(value)).toBe('{"__proto__":1,"constructor":2}');
    });
});

test("the order of text is that of code units, the same in every locale", () => {
    expect(["b", "a", "B", "ä", "_", "1"].sort(compareText)).toEqual(["1", "B", "_", "a", "b", "ä"]);
});

test("a hash is cut to the digits that are asked for", () => {
    expect(hashOf({ a: 1 }, 8)).toBe(hashOf({ a: 1 }).slice(0, 8));
    expect(hashOf({ a: 1 })).toMatch(/^[0-9a-f]{64}$/);
    expect(hashOf({ a: 1 }, 8)).not.toBe(hashOf({ a: 2 }, 8));
});
