import { describe, expect, test } from "@jest/globals";
import {
    activeContainer,
    changedServices,
    clearingCommands,
    emptySlots,
    isReady,
    namingCommands,
    parseServerStates,
    type ServiceSlots,
    shapeFromStates,
    slotsFromStates,
    stateCommands,
    withActive,
    withCandidate,
    withHold,
} from "../../../../engine/edge/slots.ts";

const serving: ServiceSlots = { ...emptySlots, a: "old", active: "a" };
const one = (...ports: number[]) => ({ ports, replicas: 1 });
const ports = { api: one(8000, 8443), db: one(5432) };

describe("the arrangement", () => {
    test("a candidate takes the slot that does not serve", () => {
        expect(withCandidate(serving, "new")).toEqual({ ...serving, b: "new", candidate: "new" });
        expect(withCandidate({ ...serving, active: "b", b: "x" }, "new")).toMatchObject({ a: "new", active: "b" });
        expect(withCandidate(emptySlots, "first")).toMatchObject({ a: "first", active: null });
        expect(withCandidate(withCandidate(serving, "new"), null)).toEqual({ ...serving, b: "new" });
    });

    test("the active one keeps its slot for the way back", () => {
        const switched = withActive(withCandidate(serving, "new"), "new");
        expect(switched).toEqual({ ...emptySlots, a: "old", b: "new", active: "b" });
        expect(withActive(switched, "old")).toEqual({ ...switched, active: "a" });
        expect(activeContainer({ api: switched }, "api")).toBe("new");
        expect(activeContainer({ api: emptySlots }, "api")).toBeNull();
    });

    test("a hold keeps the slot that served and frees the other, also when it is said twice", () => {
        const held = withHold({ ...serving, b: "older" });
        expect(held).toEqual({ ...emptySlots, a: "old", held: true });
        expect(withHold(held)).toBe(held);
        expect(withActive(held, "new")).toEqual({ ...emptySlots, a: "old", b: "new", active: "b" });
        expect(withActive(held, "old")).toEqual(serving);
    });
});

describe("the commands", () => {
    const from = { api: { ...serving, b: "older" }, db: serving };

    test("are none when nothing changes", () => {
        expect(changedServices(from, { ...from, idle: emptySlots })).toEqual([]);
        expect([...namingCommands(ports, from, from), ...stateCommands(ports, from, from)]).toEqual([]);
    });

    test("name the new container on every port before anything else", () => {
        const to = { ...from, api: withActive(from.api, "new") };
        expect(namingCommands(ports, from, to)).toEqual([
            "set server api_8000/b fqdn new",
            "set server api_8443/b fqdn new",
        ]);
    });

    test("let all new ones serve before any old one stops", () => {
        const to = { api: withActive(from.api, "new"), db: withActive(from.db, "db2") };
        const commands = stateCommands(ports, from, to);
        const lastReady = commands.findLastIndex((command) => command.endsWith("state ready"));
        const firstOther = commands.findIndex((command) => !command.endsWith("state ready"));
        expect(lastReady).toBeLessThan(firstOther);
        expect(commands).toContain("set server db_5432/a state drain");
    });

    test("hold before they drain, and empty a slot last", () => {
        const to = { ...from, api: withHold(from.api) };
        expect(stateCommands({ api: one(8000) }, from, to)).toEqual([
            "set server api_8000/hold state ready",
            "set server api_8000/a state drain",
            "set server api_8000/b state maint",
            "set server api_8000_candidate/candidate state maint",
        ]);
        expect(clearingCommands({ api: one(8000) }, from, to)).toEqual(["set server api_8000/b fqdn none.invalid"]);
    });
});

describe("what HAProxy says", () => {
    const heading = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_fqdn\n";
    const states = parseServerStates(
        `${heading}3 my_db_5432 1 a 10.0.0.2 2 64 db-1\n3 my_db_5432 2 b - 0 32 none.invalid\n` +
            "3 my_db_5432 3 hold 127.0.0.1 0 5 -\n4 my_db_5432_candidate 1 candidate 10.0.0.3 2 1 db-2\n" +
            "5 my_db_5432_active 1 edge 127.0.0.1 2 0 -\n\n",
    );

    test("becomes slots and ports, also of names with underscores", () => {
        expect(slotsFromStates(states)).toEqual({
            my_db: { a: "db-1", b: null, active: "a", held: false, candidate: null },
        });
        expect(shapeFromStates(states)).toEqual({ my_db: one(5432) });
    });

    test("a server in maintenance or drain is not ready, one without an address may be", () => {
        const admin = (bits: number) => isReady({ backend: "", server: "", address: "", fqdn: "", admin: bits });
        expect([0, 4, 32, 64].map(admin)).toEqual([true, true, true, true]);
        expect([1, 2, 5, 8, 16].map(admin)).toEqual([false, false, false, false, false]);
    });
});

describe("replicas", () => {
    const shape = { web: { ports: [80], replicas: 2 } };
    const from = {
        web: { ...emptySlots, a: "web-1", active: "a" },
        "web-2": { ...emptySlots, a: "web-2-1", active: "a" },
    } as const;

    test("have servers of their own in the backend that they share, and are probed one by one", () => {
        const to = { ...from, "web-2": withActive(withCandidate(from["web-2"], "web-2-2"), "web-2-2") };
        expect(namingCommands(shape, from, to)).toEqual([
            "set server web_80/b2 fqdn web-2-2",
            "set server web-2_80_active/b fqdn web-2-2",
        ]);
        expect(stateCommands(shape, from, to)).toEqual([
            "set server web_80/b2 state ready",
            "set server web-2_80_active/b state ready",
            "set server web_80/hold state maint",
            "set server web_80/a2 state drain",
            "set server web-2_80_active/a state drain",
            "set server web-2_80_candidate/candidate state maint",
        ]);
    });

    test("leave without a trace: the others go on", () => {
        const to = { ...from, "web-2": emptySlots };
        expect(stateCommands(shape, from, to).filter((command) => command.includes("web_80/"))).toEqual([
            "set server web_80/hold state maint",
            "set server web_80/a2 state maint",
            "set server web_80/b2 state maint",
        ]);
        expect(clearingCommands(shape, from, to)).toContain("set server web_80/a2 fqdn none.invalid");
    });

    test("hold only when none of them serves: otherwise the others take what comes", () => {
        const oneHeld = { ...from, web: withHold(from.web) };
        expect(stateCommands(shape, from, oneHeld)).toContain("set server web_80/hold state maint");
        const allHeld = { web: withHold(from.web), "web-2": withHold(from["web-2"]) };
        expect(stateCommands(shape, from, allHeld)[0]).toBe("set server web_80/hold state ready");
    });

    test("are read back from what HAProxy says", () => {
        const heading = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_fqdn\n";
        const states = parseServerStates(
            `${heading}3 web_80 1 a 10.0.0.2 2 64 web-1\n3 web_80 2 b - 0 33 none.invalid\n` +
                "3 web_80 3 a2 10.0.0.3 2 64 web-2-1\n3 web_80 4 b2 - 0 33 none.invalid\n" +
                "3 web_80 5 hold 127.0.0.1 0 5 -\n4 web-2_80_candidate 1 candidate 10.0.0.4 2 64 web-2-2\n" +
                "5 web-2_80_active 1 a 10.0.0.3 2 64 web-2-1\n",
        );
        expect(shapeFromStates(states)).toEqual(shape);
        expect(slotsFromStates(states)).toEqual({ ...from, "web-2": { ...from["web-2"], candidate: "web-2-2" } });
    });
});
