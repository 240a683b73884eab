/** What runs, judged against what is recorded. */
import { describe, expect, test } from "@jest/globals";
import { judgeStatus, type ObservedContainer } from "../../../automation/observed.ts";
import { outcome } from "../report/outcome.ts";

const api: ObservedContainer = {
    service: "api",
    id: "aaaa",
    name: "api-3f9c1a2b-1234567",
    revision: "3f9c1a2b",
    imageId: "sha256:aaaaaaaaaaaaaaaa",
    state: "running",
    exitCode: 0,
    health: "healthy",
};
const edge: ObservedContainer = { ...api, service: "edge", name: "edge-11111111-1234567", revision: "11111111" };

const deviations = (...observed: ObservedContainer[]) =>
    judgeStatus(outcome, observed).flatMap((service) => service.deviations.map((text) => `${service.name}: ${text}`));

describe("the status", () => {
    test("is as recorded when the recorded revision runs healthy, and the edge with it", () => {
        expect(deviations(api, edge)).toEqual([]);
        expect(deviations({ ...api, health: "none" }, edge)).toEqual([]);
    });

    test.each<[string, Partial<ObservedContainer>, string]>([
        ["is stopped", { state: "exited" }, "api: revision 3f9c1a2b does not run"],
        ["is unhealthy", { health: "unhealthy" }, "api: is unhealthy"],
        [
            "runs another image",
            { imageId: "sha256:b" },
            "api: runs image sha256:b, recorded is sha256:aaaaaaaaaaaaaaaa",
        ],
        ["runs another revision", { revision: "ffffffff" }, "api: revision 3f9c1a2b does not run"],
    ])("deviates when the service %s", (_name, change, expected) => {
        expect(deviations({ ...api, ...change }, edge)).toContain(expected);
    });

    test("deviates when a container was made anew by hand under the same name [R95]", () => {
        const services = outcome.services.map((service) => ({ ...service, containerId: "aaaa" }));
        const told = (id: string) =>
            judgeStatus({ services }, [{ ...api, id }, edge]).flatMap((service) => service.deviations);
        expect(told("aaaa")).toEqual([]);
        expect(told("bbbb")).toEqual(["api-3f9c1a2b-1234567 is another container than the one that was committed"]);
    });

    test("deviates when a second container of a service runs, not when one is kept stopped", () => {
        const other = { ...api, name: "api-ffffffff-1234567", revision: "ffffffff" };
        expect(deviations(api, other, edge)).toEqual(["api: api-ffffffff-1234567 runs too, in revision ffffffff"]);
        expect(deviations(api, { ...other, state: "created" }, edge)).toEqual([]);
    });

    test("deviates when a service is missing, and when one runs that is not recorded", () => {
        expect(deviations(edge)).toEqual(["api: revision 3f9c1a2b does not run"]);
        const stranger = { ...api, service: "old", name: "old-1" };
        expect(deviations(api, edge, stranger)).toEqual(["old: runs, but is not recorded"]);
        expect(deviations(api, edge, { ...stranger, state: "exited" })).toEqual([]);
    });

    test("of a job is as recorded when it has ended well, or was not started since it had run before", () => {
        const services = outcome.services.map((service) => ({ ...service, kind: "job" }));
        const of = (change: Partial<ObservedContainer>) =>
            judgeStatus({ ...outcome, services }, [{ ...api, health: "none", ...change }]).flatMap(
                ({ deviations }) => deviations,
            );
        expect(of({ state: "exited" })).toEqual([]);
        expect(of({ state: "created" })).toEqual([]);
        expect(of({ state: "exited", exitCode: 3 })).toEqual(["is exited, with exit code 3"]);
        expect(of({ state: "running" })).toEqual(["is running, with exit code 0"]);
        expect(of({ revision: "ffffffff", state: "exited" })).toEqual(["revision 3f9c1a2b is missing"]);
    });

    test("deviates when no edge runs", () => {
        expect(deviations(api, { ...edge, state: "exited" })).toEqual(["edge: 0 edges run, one should"]);
    });
});
