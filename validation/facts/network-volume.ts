/** What the engine says of a network and of a volume, checked for shape: what parity compares beside the containers. */
import { z } from "zod";
import type { Engine } from "../../engine/docker.ts";
import { attempt } from "./attempt.ts";
import type { Fact } from "./fact.ts";

const dictionary = z
    .record(z.string(), z.string())
    .nullish()
    .transform((value) => value ?? {});
const flag = z
    .boolean()
    .nullish()
    .transform((value) => value ?? false);

const networkSchema = z.looseObject({
    Name: z.string(),
    Driver: z.string(),
    Internal: flag,
    Attachable: flag,
    EnableIPv6: flag,
    Labels: dictionary,
    Options: dictionary,
    IPAM: z.looseObject({
        Driver: z.string(),
        Options: dictionary,
        Config: z
            .array(z.record(z.string(), z.unknown()))
            .nullish()
            .transform((value) => value ?? []),
    }),
});

export type NetworkInspection = z.infer<typeof networkSchema>;

const volumeSchema = z.looseObject({
    Name: z.string(),
    Driver: z.string(),
    Labels: dictionary,
    Options: dictionary,
});

export type VolumeInspection = z.infer<typeof volumeSchema>;

/** Undefined inside a known fact: the engine says that there is none of this name. Never throws. */
export function networkFact(
    engine: Pick<Engine, "networkDetails">,
    name: string,
): Promise<Fact<NetworkInspection | undefined>> {
    return attempt(async () => {
        const raw = await engine.networkDetails(name);
        return raw === undefined ? undefined : networkSchema.parse(raw);
    });
}

/** As `networkFact`, of a volume. */
export function volumeFact(
    engine: Pick<Engine, "volumeDetails">,
    name: string,
): Promise<Fact<VolumeInspection | undefined>> {
    return attempt(async () => {
        const raw = await engine.volumeDetails(name);
        return raw === undefined ? undefined : volumeSchema.parse(raw);
    });
}
