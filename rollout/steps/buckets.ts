/** The storage buckets of the baseline: made where they are missing, corrected where they differ (R05). */

import { requestThroughEdge } from "../../engine/http.ts";
import { PlumblineError } from "../../release/errors.ts";
import { substituteSecrets } from "../../release/secrets.ts";
import type { Bucket, ServiceRelease } from "../../release/types.ts";
import type { RolloutContext } from "../context.ts";
import { nothingToUndo, type Step } from "../step.ts";

/** Longest time for one request, in milliseconds. */
const timeoutMs = 10_000;

/** Asks the service's own API, so that it works with any image that speaks Supabase Storage. */
export function bucketsStep(context: RolloutContext, service: ServiceRelease, after: readonly string[]): Step {
    const buckets = service.buckets;
    return {
        name: `buckets of ${service.name}`,
        service: service.name,
        after,
        async done() {
            const states = await Promise.all((buckets?.list ?? []).map((bucket) => compare(context, service, bucket)));
            return states.every((state) => state === "same");
        },
        async apply() {
            for (const bucket of buckets?.list ?? []) {
                const state = await compare(context, service, bucket);
                if (state === "missing")
                    await ask(context, service, "POST", "/bucket", { id: bucket.name, ...body(bucket) });
                if (state === "different") await ask(context, service, "PUT", `/bucket/${bucket.name}`, body(bucket));
            }
        },
        // A bucket that is there too early harms nobody, and it may hold documents by now.
        undo: nothingToUndo,
    };
}

function body(bucket: Bucket): Record<string, unknown> {
    return {
        name: bucket.name,
        public: bucket.public,
        file_size_limit: bucket.fileSizeLimit,
        allowed_mime_types: bucket.allowedMimeTypes,
    };
}

async function compare(
    context: RolloutContext,
    service: ServiceRelease,
    bucket: Bucket,
): Promise<"same" | "missing" | "different"> {
    const answer = await ask(context, service, "GET", `/bucket/${bucket.name}`);
    if (answer === undefined) return "missing";
    const wanted = body(bucket);
    const found = answer as Record<string, unknown>;
    return Object.entries(wanted).every(
        ([key, value]) => JSON.stringify(found[key] ?? null) === JSON.stringify(value ?? null),
    )
        ? "same"
        : "different";
}

/** @returns the JSON answer, or nothing when what was asked for does not exist */
async function ask(
    context: RolloutContext,
    service: ServiceRelease,
    method: string,
    path: string,
    content?: Record<string, unknown>,
): Promise<unknown> {
    const key = substituteSecrets(service.buckets?.serviceKey ?? "", context.secrets);
    const target = {
        ...context.probeAddress,
        role: "active" as const,
        service: service.name,
        servicePort: service.buckets?.port ?? 0,
    };
    const answer = await requestThroughEdge(
        target,
        {
            method,
            path,
            headers: { authorization: `Bearer ${key}`, apikey: key, "content-type": "application/json" },
            ...(content === undefined ? {} : { body: JSON.stringify(content) }),
        },
        timeoutMs,
    );
    if (answer.status < 300) return answer.json;
    // Supabase Storage answers 400 to nearly every handled error; the true status stands in the body.
    const status = (answer.json as { statusCode?: string } | undefined)?.statusCode;
    if (method === "GET" && (answer.status === 404 || status === "404")) return undefined;
    throw new PlumblineError(
        "dependency",
        `${service.name}: ${method} ${path} was answered ${answer.status}: ${answer.body}`,
        {
            service: service.name,
            remedy: "see the service's log; the key that is used is the one named under buckets.serviceKey",
        },
    );
}
