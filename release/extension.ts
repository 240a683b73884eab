/** What compose cannot say and stands under `x-plumbline`, of a service and of the whole file. */
import { z } from "zod";
import type { Bucket, Probe, SecretSource, SmokeStep } from "./types.ts";

const port = z.int().min(1).max(65535);
const path = z.string().startsWith("/");
const headers = z.record(z.string(), z.string()).default({});

const expectation = z
    .strictObject({
        status: z.int().min(100).max(599).default(200),
        json: z.record(z.string(), z.unknown()).optional(),
        revisionAt: z.string().optional(),
    })
    .prefault({})
    .transform(({ status, json, revisionAt }) => ({
        status,
        ...(json === undefined ? {} : { json }),
        ...(revisionAt === undefined ? {} : { revisionAt }),
    }));

/** One key that names the protocol, and what it needs: `http: { port: 8000, path: /health }`. */
const probe = z
    .union(
        [
            z.strictObject({ http: z.strictObject({ port, path, headers, expect: expectation }) }),
            z.strictObject({
                postgres: z.strictObject({ port, user: z.string(), password: z.string(), database: z.string() }),
            }),
            z.strictObject({ redis: z.strictObject({ port, password: z.string() }) }),
            z.strictObject({ tcp: z.strictObject({ port }) }),
        ],
        { error: "expected one of http, postgres, redis or tcp, with the keys that it needs (docs/architecture.md)" },
    )
    .transform((value): Probe => {
        if ("http" in value) return { type: "http", ...value.http };
        if ("postgres" in value) return { type: "postgres", ...value.postgres };
        if ("redis" in value) return { type: "redis", ...value.redis };
        return { type: "tcp", ...value.tcp };
    });

const bucket = z
    .strictObject({
        name: z.string().min(1),
        public: z.boolean().default(false),
        fileSizeLimit: z.int().positive().nullable().default(null),
        allowedMimeTypes: z.array(z.string()).nullable().default(null),
    })
    .transform((value): Bucket => value);

/** `x-plumbline` of a service. Probes that stand here replace the default one. */
export const serviceExtension = z.strictObject({
    kind: z.enum(["request", "consumer", "stateful", "job"]).optional(),
    probes: z.array(probe).optional(),
    /** Ports on which other services reach this one, and which nothing else in the file names. The Dockerfile's then do not count. */
    ports: z.array(port).optional(),
    buckets: z.strictObject({ port, serviceKey: z.string(), list: z.array(bucket) }).optional(),
});

const secretSource = z
    .union(
        [
            z.strictObject({ generate: z.int().min(12).max(256) }),
            z.strictObject({ jwt: z.strictObject({ role: z.string().min(1) }), signedWith: z.string() }),
        ],
        { error: "expected { generate: LENGTH } or { jwt: { role }, signedWith: SECRET }" },
    )
    .transform(
        (value): SecretSource =>
            "generate" in value
                ? { type: "generate", length: value.generate }
                : { type: "jwt", role: value.jwt.role, signedWith: value.signedWith },
    );

/** Secret variables of the file, by name. */
export const secretSources = z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), secretSource);

const gateway = z.strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]*$/),
    port,
    routes: z
        .array(z.strictObject({ prefix: path, service: z.string(), port, stripPrefix: z.boolean().default(false) }))
        .min(1),
});

const smokeStep = z
    .strictObject({
        name: z.string().min(1),
        service: z.string(),
        port,
        method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]),
        path,
        headers,
        body: z.string().optional(),
        expect: expectation,
        save: z.record(z.string(), z.string()).default({}),
        withinSeconds: z.number().min(0).max(600).default(0),
    })
    .transform(
        ({ withinSeconds, body, ...step }): SmokeStep => ({
            ...step,
            ...(body === undefined ? {} : { body }),
            withinMs: withinSeconds * 1000,
        }),
    );

/** `x-plumbline` of the whole file. */
export const projectExtension = z.strictObject({
    secrets: secretSources.default({}),
    gateways: z.array(gateway).default([]),
    supabase: z
        .strictObject({ projectId: z.string(), gateway: z.string(), anonKey: z.string(), serviceRoleKey: z.string() })
        .optional(),
    smoke: z.array(smokeStep).default([]),
});

export type ServiceExtension = z.infer<typeof serviceExtension>;
export type ProjectExtension = z.infer<typeof projectExtension>;
