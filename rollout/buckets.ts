/** The storage buckets of the baseline, asked and mended through the service's own API (R05). */
import { requestThroughEdge } from "../engine/http.ts";
import { PlumblineError } from "../release/errors.ts";
import { substituteSecrets } from "../release/secrets.ts";
import type { Bucket, ServiceRelease } from "../release/types.ts";
import type { RolloutContext } from "./context.ts";

/** Longest time for one request, in milliseconds. */
const timeoutMs = 10_000;

/** The way to the service: any image that speaks Supabase Storage answers. */
export type BucketDoors = Pick<RolloutContext, "probeAddress" | "secrets">;

function body(bucket: Bucket): Record<string, unknown> {
    return {
        name: bucket.name,
        public: bucket.public,
        file_size_limit: bucket.fileSizeLimit,
        allowed_mime_types: bucket.allowedMimeTypes,
    };
}

/** Whether a bucket stands as it is declared. @throws PlumblineError when the service cannot be asked */
export async function compareBucket(
    doors: BucketDoors,
    service: ServiceRelease,
    bucket: Bucket,
): Promise<"same" | "missing" | "different"> {
    const answer = await ask(doors, service, "GET", `/bucket/${bucket.name}`);
    if (answer === undefined) return "missing";
    const wanted = body(bucket);
    const found = answer as Record<string, unknown>;
    return Object.entries(wanted).every(
        ([key, value]) => JSON.stringify(found[key] ?? null) === JSON.stringify(value ?? null),
    )
        ? "same"
        : "different";
}

/** Makes a bucket, or gives it its declared settings. */
export async function mendBucket(doors: BucketDoors, service: ServiceRelease, bucket: Bucket): Promise<void> {
    const state = await compareBucket(doors, service, bucket);
    if (state === "missing") await ask(doors, service, "POST", "/bucket", { id: bucket.name, ...body(bucket) });
    if (state === "different") await ask(doors, service, "PUT", `/bucket/${bucket.name}`, body(bucket));
}

/** @returns the JSON answer, or nothing when what was asked for does not exist */
async function ask(
    doors: BucketDoors,
    service: ServiceRelease,
    method: string,
    path: string,
    content?: Record<string, unknown>,
): Promise<unknown> {
    const key = substituteSecrets(service.buckets?.serviceKey ?? "", doors.secrets);
    const target = {
        ...doors.probeAddress,
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
