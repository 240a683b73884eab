/** What a refresh compares: the expected state of every container against the one that was seen. */
import { describe, expect, test } from "@jest/globals";
import { deviations, expectedStates } from "../../../rollout/expected-states.ts";
import { sampleRelease, sampleService, sampleServices } from "./sample-release.ts";

const release = sampleRelease([...sampleServices(), sampleService("migrate", "job")]);
const expected = expectedStates(release);

describe("deviations", () => {
    test("the edge and every service run, a job is done, buckets are as declared", () => {
        expect(expected).toEqual({
            edge: "running",
            postgres: "running",
            redis: "running",
            storage: "running",
            api: "running",
            worker: "running",
            migrate: "done",
            "buckets of storage": "as declared",
        });
        expect(deviations(release, expected)).toEqual([]);
    });

    const wrong = Object.keys(expected).flatMap((name) =>
        ["exited", "missing", "paused", "restarting", "created", "dead", "running, unhealthy"].map(
            (state) => [name, state] as const,
        ),
    );
    test.each(wrong)("%s that is %s is one", (name, state) => {
        expect(deviations(release, { ...expected, [name]: state })).toEqual([name]);
    });

    test.each(["documents is missing", "documents is different", "not asked", "not answering"])(
        "buckets of which is said: %s, are one",
        (state) => {
            expect(deviations(release, { ...expected, "buckets of storage": state })).toEqual(["buckets of storage"]);
        },
    );

    test("buckets are expected of the services that declare some, and of no other", () => {
        expect(Object.keys(expectedStates(sampleRelease([sampleService("api", "request")])))).toEqual(["edge", "api"]);
    });

    test("a service that ended with 0 and a job that still runs are two", () => {
        expect(deviations(release, { ...expected, api: "done", migrate: "running" })).toEqual(["api", "migrate"]);
    });

    test("a container of which nothing is known is one; an unknown name is none of ours", () => {
        const { api: _, ...rest } = expected;
        expect(deviations(release, rest)).toEqual(["api"]);
        expect(deviations(release, { ...expected, other: "missing" })).toEqual([]);
    });
});
