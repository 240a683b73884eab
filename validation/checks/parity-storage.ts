/** What a container sees of volumes and of memory as files. */

import { fileMounts } from "../../release/file-volumes.ts";
import { substituteSecrets } from "../../release/secrets.ts";
import type { Inspection } from "../facts/container.ts";
import { drift, equal, equalEntries, type Outcome, open, type ParityCheck, type Subject } from "./parity-property.ts";

export const mounts: ParityCheck = {
    knows: { spec: ["mounts"], host: ["Binds", "Mounts"], config: ["Volumes"] },
    compare(subject) {
        const { service, container } = subject;
        const ofFiles = fileMounts(subject.project, service);
        const expected = new Map([...service.spec.mounts, ...ofFiles].map((mount) => [mount.target, mount]));
        const actual = new Map(
            container.Mounts.filter(({ Type }) => Type !== "tmpfs").map((mount) => [mount.Destination, mount]),
        );
        const targets = [...new Set([...expected.keys(), ...actual.keys()])].sort();
        return targets.map((target): Outcome => {
            const path = ["volumes", target];
            const wanted = expected.get(target);
            const found = actual.get(target);
            const is = found === undefined ? undefined : describeActual(found, extraOptions(container, target));
            if (wanted !== undefined) {
                const access = wanted.readOnly ? "read-only" : "read-write";
                const rule = ofFiles.includes(wanted) ? "files-on-volume" : undefined;
                return equal(path, `${wanted.type} ${wanted.source}, ${access}`, is, rule);
            }
            return anonymous(found) && ofImage(subject, target)
                ? equal(path, "anonymous volume of the image", "anonymous volume of the image")
                : drift(path, "none", is);
        });
    },
};

/** Content of configs and secrets, which may be secret: by digest, as the environment. */
export const files: ParityCheck = {
    knows: { spec: ["files"] },
    compare(subject) {
        // The ledger may hold releases from before there were files.
        return (subject.service.spec.files ?? []).map(({ target, content, encoding }): Outcome => {
            const path = ["files", target];
            const found = subject.files[target];
            if (found === undefined || !found.known) return open(path, found?.reason ?? "nobody read it");
            const digest = (base64: string | undefined) =>
                base64 === undefined ? "none" : `digest ${subject.digest(base64)}`;
            const wanted = encoding === "base64" ? content : filled(content, subject);
            if (wanted === undefined) return open(path, "the value of its secret is not at hand", digest(found.value));
            return equal(path, digest(wanted), digest(found.value));
        });
    },
};

/** In base64; undefined where a secret has no value here. */
function filled(text: string, { secrets }: Subject): string | undefined {
    try {
        return Buffer.from(substituteSecrets(text, secrets)).toString("base64");
    } catch {
        return undefined;
    }
}

type ActualMount = Inspection["Mounts"][number];

function describeActual(mount: ActualMount, options: readonly string[]): string {
    const source = mount.Type === "volume" ? mount.Name : mount.Source;
    return [`${mount.Type} ${source}`, mount.RW ? "read-write" : "read-only", ...options].join(", ");
}

function anonymous(mount: ActualMount | undefined): boolean {
    return mount?.Type === "volume" && mount.RW && /^[0-9a-f]{64}$/.test(mount.Name);
}

function ofImage({ expectedImage }: Subject, target: string): boolean {
    return expectedImage.known && expectedImage.value.Config.Volumes.includes(target);
}

/** What was asked of a mount beyond reading and writing, as `nocopy`, `rshared`. */
function extraOptions(container: Inspection, target: string): string[] {
    const usual = new Set(["", "rw", "ro", "z"]);
    const fromBinds = container.HostConfig.Binds.map((bind) => bind.split(":"))
        .filter((parts) => parts[1] === target)
        .flatMap((parts) => (parts[2] ?? "").split(","));
    const fromMounts = container.HostConfig.Mounts.filter((mount) => mount.Target === target).flatMap((mount) =>
        mount.VolumeOptions?.NoCopy === true ? ["nocopy"] : [],
    );
    return [...new Set([...fromBinds, ...fromMounts])].filter((option) => !usual.has(option)).sort();
}

export const tmpfs: ParityCheck = {
    knows: { spec: ["tmpfs"], host: ["Tmpfs"] },
    compare({ service, container }) {
        const requested = container.HostConfig.Mounts.filter(({ Type }) => Type === "tmpfs").map((mount) => {
            const { SizeBytes: size = 0, Mode: mode = 0 } = mount.TmpfsOptions ?? {};
            const options = [...(size > 0 ? [`size=${size}`] : []), ...(mode > 0 ? [`mode=${mode.toString(8)}`] : [])];
            return [mount.Target, options.join(",")] as const;
        });
        const actual = { ...container.HostConfig.Tmpfs, ...Object.fromEntries(requested) };
        return equalEntries(["tmpfs"], described(service.spec.tmpfs), described(actual));
    },
};

function described(entries: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(Object.entries(entries).map(([path, options]) => [path, tmpfsOptions(options)]));
}

/** Options in a fixed order, sizes in bytes, modes without leading zeros; `no options` where there are none. */
export function tmpfsOptions(text: string): string {
    const options = text
        .split(",")
        .filter((option) => option !== "")
        .map((option) => {
            const [, size, unit] = /^size=(\d+)([kmg])?$/i.exec(option) ?? [];
            if (size !== undefined) return `size=${Number(size) * (factors[unit?.toLowerCase() ?? ""] ?? 1)}`;
            return option.replace(/^mode=0+(?=\d)/, "mode=");
        });
    return options.length === 0 ? "no options" : options.sort().join(",");
}

const factors: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
