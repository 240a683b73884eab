/** What is run: image, command, environment, and how it is started and stopped. */
import { constants } from "node:os";
import { substituteSecrets } from "../../release/secrets.ts";
import type { ImageInspection } from "../facts/container.ts";
import { type Fact, known } from "../facts/fact.ts";
import {
    equal,
    equalToFact,
    type Outcome,
    open,
    own,
    type ParityCheck,
    type Subject,
    shown,
} from "./parity-property.ts";

/** The baseline's value, otherwise the image's own. */
function orOfImage<T>(value: T | undefined, subject: Subject, pick: (config: ImageInspection["Config"]) => T): Fact<T> {
    if (value !== undefined) return known(value);
    return subject.expectedImage.known ? known(pick(subject.expectedImage.value.Config)) : subject.expectedImage;
}

export const image: ParityCheck = {
    knows: { config: ["Image"] },
    compare(subject) {
        const { service, container, expectedImage, actualImage, committedImage } = subject;
        const { image } = service;
        const built = image.kind === "built";
        const reference = equal(
            ["image"],
            image.reference,
            container.Config.Image,
            built ? "built-image-name" : undefined,
        );
        const id =
            committedImage !== undefined
                ? equal(["image", "id"], committedImage, container.Image)
                : equalToFact(["image", "id"], idOf(expectedImage), container.Image);
        return [reference, id, ...source(image, actualImage)];
    },
};

function idOf(fact: Fact<ImageInspection>): Fact<string> {
    return fact.known ? known(fact.value.Id) : fact;
}

/** What the image was made from: the digest of its source, or of the registry's manifest. */
function source(image: Subject["service"]["image"], actual: Fact<ImageInspection>): Outcome[] {
    if (image.kind === "built") {
        const path = ["image", "source"];
        if (!actual.known) return [open(path, actual.reason)];
        return [equal(path, image.sourceDigest, own(actual.value.Config.Labels, "plumbline.source"))];
    }
    const digest = /@(sha256:[0-9a-f]{64})$/.exec(image.reference)?.[1];
    if (digest === undefined) return [];
    const path = ["image", "digest"];
    if (!actual.known) return [open(path, actual.reason)];
    const digests = actual.value.RepoDigests.map((entry) => entry.split("@")[1] ?? entry);
    return [equal(path, digest, digests.includes(digest) ? digest : digests)];
}

export const program: ParityCheck = {
    knows: {
        spec: ["command", "entrypoint", "workingDir", "hostname", "domainname", "init", "user"],
        config: ["Cmd", "Entrypoint", "WorkingDir", "Hostname", "Domainname", "User"],
        host: ["Init"],
    },
    compare(subject) {
        const { spec } = subject.service;
        const { Config: config, HostConfig: host, Id: id } = subject.container;
        // The engine's own rule: whoever replaces the entrypoint does not get the image's command.
        const replaced = spec.entrypoint !== undefined && spec.entrypoint.length > 0;
        const command =
            spec.command !== undefined && spec.command.length > 0 ? spec.command : replaced ? [] : undefined;
        return [
            equalToFact(
                ["command"],
                orOfImage(command, subject, ({ Cmd }) => Cmd),
                config.Cmd,
            ),
            equalToFact(
                ["entrypoint"],
                orOfImage(spec.entrypoint, subject, ({ Entrypoint }) => Entrypoint),
                config.Entrypoint,
            ),
            equalToFact(
                ["working_dir"],
                orOfImage(spec.workingDir, subject, ({ WorkingDir }) => WorkingDir),
                config.WorkingDir,
            ),
            equalToFact(
                ["user"],
                orOfImage(spec.user, subject, ({ User }) => User),
                config.User,
            ),
            equal(["hostname"], spec.hostname ?? id.slice(0, 12), config.Hostname),
            equal(["domainname"], spec.domainname, config.Domainname),
            equal(["init"], spec.init, host.Init),
        ];
    },
};

export const environment: ParityCheck = {
    knows: { spec: ["environment"], config: ["Env"] },
    compare(subject) {
        const { service, expectedImage, container } = subject;
        const { PLUMBLINE_REVISION: _own, ...declared } = service.spec.environment;
        const actual = variables(container.Config.Env);
        const ofImage = expectedImage.known ? variables(expectedImage.value.Config.Env) : {};
        const names = [...new Set([...Object.keys(ofImage), ...Object.keys(declared), ...Object.keys(actual)])].sort();
        const outcomes = names
            .filter((name) => name !== "PLUMBLINE_REVISION")
            .map((name): Outcome => {
                const path = ["environment", name];
                const found = digestOf(own(actual, name), subject);
                const wanted = own(declared, name);
                // Without the image nobody knows whether a name is one of its own.
                if (wanted === undefined && !expectedImage.known) return open(path, expectedImage.reason, found);
                const expected = wanted === undefined ? own(ofImage, name) : filled(wanted, subject);
                if (wanted !== undefined && expected === undefined) {
                    return open(path, "the value of its secret is not at hand", found);
                }
                return equal(path, digestOf(expected, subject), found);
            });
        // A revision is shown; anything else in its place is somebody's value.
        const given = own(actual, "PLUMBLINE_REVISION");
        const revision = given === undefined || /^[0-9a-f]{8}$/.test(given) ? given : digestOf(given, subject);
        return [
            ...outcomes,
            equal(["environment", "PLUMBLINE_REVISION"], service.revision, revision, "revision-variable"),
        ];
    },
};

function variables(list: readonly string[]): Record<string, string> {
    return Object.fromEntries(
        list.map((line) => {
            const at = line.indexOf("=");
            return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
        }),
    );
}

function filled(text: string, { secrets }: Subject): string | undefined {
    try {
        return substituteSecrets(text, secrets);
    } catch {
        // The only failure of a substitution is a secret without a value: the caller leaves the question open.
        return undefined;
    }
}

function digestOf(value: string | undefined, subject: Subject): string {
    return value === undefined ? "none" : `digest ${subject.digest(value)}`;
}

export const lifetime: ParityCheck = {
    knows: {
        spec: ["restart", "stopSignal", "stopGraceSeconds"],
        config: ["StopSignal", "StopTimeout"],
        host: ["RestartPolicy"],
    },
    compare(subject) {
        const { spec } = subject.service;
        const { Config: config, HostConfig: host } = subject.container;
        const signal = orOfImage(spec.stopSignal, subject, ({ StopSignal }) => StopSignal);
        const { Name: name, MaximumRetryCount: most } = host.RestartPolicy;
        const restart = name === "" ? "no" : most > 0 ? `${name}:${most}` : name;
        return [
            equal(["restart"], spec.restart, restart),
            equalToFact(
                ["stop_signal"],
                signal.known ? known(signalName(signal.value)) : signal,
                signalName(config.StopSignal),
            ),
            // 10 s is the engine's default where nothing was said.
            equal(["stop_grace_period"], `${spec.stopGraceSeconds}s`, `${config.StopTimeout ?? 10}s`),
        ];
    },
};

/** `SIGINT` for INT, 2 and SIGINT; the engine's default is SIGTERM. */
function signalName(text: string): string {
    if (text === "") return "SIGTERM";
    const byNumber = Object.entries(constants.signals).find(([, number]) => String(number) === text)?.[0];
    return byNumber ?? (text.toUpperCase().startsWith("SIG") ? text.toUpperCase() : `SIG${text.toUpperCase()}`);
}

export const health: ParityCheck = {
    knows: { spec: ["healthcheck"], config: ["Healthcheck"] },
    compare(subject) {
        const { healthcheck: check } = subject.service.spec;
        const actual = times(subject.container.Config.Healthcheck ?? undefined);
        const ofImage = orOfImage(undefined, subject, ({ Healthcheck }) => times(Healthcheck ?? undefined));
        const given = check && {
            test: [...check.test],
            interval: `${check.intervalMs}ms`,
            timeout: `${check.timeoutMs}ms`,
            start_period: `${check.startPeriodMs}ms`,
            retries: String(check.retries),
        };
        // A healthcheck without a test changes the times of the image's own.
        const ownTest = given !== undefined && given.test.length > 0;
        if (!ownTest && !ofImage.known) return [open(["healthcheck"], ofImage.reason, shown(actual?.test))];
        const inherited = ofImage.known ? ofImage.value : undefined;
        const expected = given === undefined ? inherited : { ...given, test: ownTest ? given.test : inherited?.test };
        const off = (test: readonly string[] | undefined) => test === undefined || test[0] === "NONE";
        const test = equal(["healthcheck", "test"], expected?.test, actual?.test);
        if (off(expected?.test) || off(actual?.test)) return [test];
        return [
            test,
            ...(["interval", "timeout", "start_period", "retries"] as const).map((key) =>
                equal(["healthcheck", key], expected?.[key], actual?.[key]),
            ),
        ];
    },
};

/** In compose's terms, with the engine's defaults written out: 30 s, 30 s, 0, 3. */
function times(check: NonNullable<Subject["container"]["Config"]["Healthcheck"]> | undefined) {
    if (check === undefined) return undefined;
    const ms = (nanoseconds: number, otherwise: number) => `${nanoseconds === 0 ? otherwise : nanoseconds / 1e6}ms`;
    return {
        test: check.Test,
        interval: ms(check.Interval, 30_000),
        timeout: ms(check.Timeout, 30_000),
        start_period: ms(check.StartPeriod, 0),
        retries: String(check.Retries === 0 ? 3 : check.Retries),
    };
}
