/** Changes to a copied compose file: good ones, and each way of being bad. Both sides get the very same. */
import { type Document, parseDocument } from "yaml";

/** What is changed in the baseline; `mark` makes it differ from every other change of the run. */
export interface Change {
    readonly name: string;
    readonly service: "api" | "postgres" | "redis";
    readonly apply: (service: ServiceEditor) => void;
}

/** Sets one service's keys. */
export interface ServiceEditor {
    set(path: readonly string[], value: unknown): void;
}

/** Seconds from the candidate's first good answer to its failure: after gates and switch, within the bake. */
export const failsAfterSeconds = 15;
/** Seconds that a slow api sleeps before it starts, and the deadline that it is given on both sides. */
export const slowStart = { sleepSeconds: 28, deadlineSeconds: 48 } as const;

// In the file a dollar is written twice, or compose takes it for a variable.
const afterHealthy = (act: string) =>
    `(until /usr/local/bin/healthcheck; do sleep 0.2; done; sleep ${failsAfterSeconds}; ${act}) & exec python3.11 -m api`;

const shell = (service: ServiceEditor, script: string) => service.set(["command"], ["sh", "-c", script]);

export const changes = {
    /** An environment value: a good update. */
    api: { name: "api: an environment value", service: "api", apply: () => undefined },
    postgres: { name: "postgres: an environment value", service: "postgres", apply: () => undefined },
    redis: { name: "redis: an environment value", service: "redis", apply: () => undefined },
    /** The image lacks what is to be run: the engine cannot start it, or its init ends at once. */
    badImage: {
        name: "api: a command that its image does not hold",
        service: "api",
        apply: (service) => service.set(["command"], ["/usr/local/bin/not-in-this-image"]),
    },
    crashAtBoot: {
        name: "api: exits with code 3 at boot",
        service: "api",
        apply: (service) => shell(service, "exit 3"),
    },
    /** The process is killed as a lack of memory would. After exec, $$ is the api itself. */
    crashAfterHealthy: {
        name: `api: killed ${failsAfterSeconds} s after it was healthy`,
        service: "api",
        apply: (service) => shell(service, afterHealthy("kill -9 $$$$")),
    },
    /** It goes on serving, but its healthcheck says that it is not well. */
    unhealthyAfterSwitch: {
        name: `api: unhealthy ${failsAfterSeconds} s after it was healthy, and still serving`,
        service: "api",
        apply(service) {
            shell(service, afterHealthy("touch /tmp/sick"));
            service.set(
                ["healthcheck", "test"],
                ["CMD", "bash", "-c", "test ! -e /tmp/sick && exec /usr/local/bin/healthcheck"],
            );
            service.set(["healthcheck", "interval"], "1s");
            service.set(["healthcheck", "retries"], 2);
        },
    },
    slowStart: {
        name: `api: sleeps ${slowStart.sleepSeconds} s before it starts, ${slowStart.deadlineSeconds} s are allowed`,
        service: "api",
        apply(service) {
            shell(service, `sleep ${slowStart.sleepSeconds}; exec python3.11 -m api`);
            // The service's own deadline, as both read it: start period, then retries.
            service.set(["healthcheck", "interval"], "1s");
            service.set(["healthcheck", "timeout"], "2s");
            service.set(["healthcheck", "retries"], 5);
            service.set(["healthcheck", "start_period"], `${slowStart.deadlineSeconds - 18}s`);
        },
    },
} as const satisfies Readonly<Record<string, Change>>;

/** The compose file with a change in it. */
export function changed(text: string, change: Change, mark: string): string {
    const document = parseDocument(text, { merge: true });
    const service: ServiceEditor = {
        set: (path, value) => document.setIn(["services", change.service, ...path], node(document, value)),
    };
    service.set(["environment", "BENCH_MARK"], mark);
    change.apply(service);
    return document.toString({ lineWidth: 0 });
}

/**
 * The compose file as plain compose runs it beside the stack: the stack's own images, and other host ports.
 * @param images image of each service
 */
export function forCompose(text: string, images: Readonly<Record<string, string>>, offset: number): string {
    const document = parseDocument(text, { merge: true });
    for (const [service, image] of Object.entries(images)) {
        document.deleteIn(["services", service, "build"]);
        document.setIn(["services", service, "image"], image);
        const ports = document.getIn(["services", service, "ports"]);
        if (ports === undefined) continue;
        const { ports: published = [] } = document.toJS().services[service] as { ports?: string[] };
        document.setIn(
            ["services", service, "ports"],
            node(
                document,
                published.map((port) => moved(port, offset)),
            ),
        );
    }
    return document.toString({ lineWidth: 0 });
}

function node(document: Document, value: unknown): unknown {
    return document.createNode(value);
}

/** `127.0.0.1:8000:8000` with its host port moved. */
function moved(port: string, offset: number): string {
    const [address = "", host = "", container = ""] = port.split(":");
    return `${address}:${Number(host) + offset}:${container}`;
}
