/** A rollout outcome for tests. */
import type { RolloutOutcome } from "../../../rollout/outcome.ts";

export const outcome: RolloutOutcome = {
    transaction: "tx-1",
    stack: "local",
    release: "0123456789ab",
    previous: null,
    outcome: "committed",
    startedAt: "2026-01-02T03:04:05.000Z",
    durationMs: 42_300,
    services: [
        {
            name: "api",
            kind: "request",
            revision: "3f9c1a2b",
            image: "plumbline/api:3f9c1a2b4d5e",
            imageId: "sha256:aaaaaaaaaaaaaaaa",
            container: "api-3f9c1a2b-1234567",
            addresses: ["127.0.0.1:8000"],
            readyAfterMs: 2100,
            probeMs: 3.4,
            changed: true,
        },
    ],
    gateways: { supabase: "http://localhost:54321" },
    evidence: "infrastructure/reports/local/tx-1",
};
