/** What `destroy`, `status` and `secrets` say to people: everything that a person has to know, and the command that comes next. */
import { describe, expect, test } from "@jest/globals";
import { type DestroyResult, renderDestroy } from "../../../automation/destroy.ts";
import { renderSecrets } from "../../../automation/secrets.ts";
import { renderStatus, type StatusResult } from "../../../automation/status.ts";
import { sampleResult } from "./sample-result.ts";

const result = { ...sampleResult, stack: "staging" };

describe("a destroyed stack", () => {
    const text = (change: Partial<DestroyResult>) =>
        renderDestroy({ ...result, keptVolumes: [], deletedVolumes: [], deleteCommand: null, ...change });

    test("tells of every volume with data that stays, and the command that deletes them", () => {
        const deleteCommand = "npm run destroy -- --stack staging --volumes";
        expect(text({ keptVolumes: ["s_a", "s_b"], deleteCommand })).toBe(
            `Kept, with their data:\n  s_a\n  s_b\nThe next deploy finds them. To delete them: ${deleteCommand}\n`,
        );
    });

    test("tells of every volume that is gone, and nothing of kept ones then", () => {
        expect(text({ deletedVolumes: ["s_a", "s_b"] })).toBe("Deleted, with their data:\n  s_a\n  s_b\n");
    });

    test("without volumes says nothing of them", () => expect(text({})).toBe(""));
});

describe("the status", () => {
    const api = {
        name: "api",
        state: "running",
        health: "healthy",
        revision: "3f9c1a2b",
        addresses: ["127.0.0.1:8000", "127.0.0.1:8443"],
        deviations: [],
    };
    const nothing = { services: [], open: null, pin: null, quarantine: [], movedPorts: [], leftVolumes: [] };
    const lines = (change: Partial<StatusResult>) => renderStatus({ ...result, ...nothing, ...change }).split("\n");

    test("shows each service with its addresses, and with every deviation where there is one", () => {
        const worker = { ...api, name: "worker", addresses: [], deviations: ["is unhealthy", "runs image b"] };
        const [head, first, second] = lines({ services: [api, worker] });
        expect(head).toMatch(/^SERVICE +STATE +HEALTH +REVISION +ADDRESS +AGAINST THE RECORD$/);
        expect(first).toMatch(/^api +running +healthy +3f9c1a2b +127\.0\.0\.1:8000, 127\.0\.0\.1:8443 +as recorded$/);
        expect(second).toMatch(/^worker .* inside only +is unhealthy; runs image b$/);
    });

    test("of a stack of which nothing runs still tells what the ledger holds against it", () => {
        const quarantined = { release: "r2", transaction: "tx-2", reason: "", at: "noon", liftedBy: null };
        const told = lines({
            open: {
                ...{ transaction: "tx-3", epoch: 1, to: "r3", user: "ann", host: "away", pid: 7 },
                ...{ pidStart: "", since: "morning", owner: "elsewhere" },
            },
            pin: { release: "r1", by: "bob", at: "dawn" },
            movedPorts: [{ user: "api", target: 8000, wanted: 8000, published: 8003 }],
            quarantine: [quarantined],
            leftVolumes: ["shop_search_data"],
        });
        expect(told.filter((line) => line !== "")).toEqual([
            "staging: nothing runs",
            expect.stringMatching(/^Open: transaction tx-3 of ann@away \(process 7, on another machine,/),
            "Pinned: release r1, by bob since dawn; `npm run deploy -- --unpin` ends it",
            expect.stringMatching(/^Moved: api is published on port 8003 in the place of 8000/),
            "Without a service: volume shop_search_data; `docker volume rm shop_search_data` deletes it",
            "Quarantined: release r2, undone by tx-2 on noon",
        ]);
    });
});

test("of secrets only names are told: which were set now, and which were there", () => {
    const text = renderSecrets({ ...result, set: ["JWT_SECRET"], present: ["ANON_KEY", "REDIS_PASSWORD"] });
    expect(text).toBe("Secrets of staging:\n  set      JWT_SECRET\n  present  ANON_KEY\n  present  REDIS_PASSWORD\n");
});
