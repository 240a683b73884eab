/** The success rates that R37 asks for, from what one judgement has found. Pure: a rate without data is inconclusive. */
import { z } from "zod";
import type { Release } from "../release/types.ts";
import type { ServiceOutcome } from "../rollout/outcome.ts";
import type { Finding } from "./parity/finding.ts";
import type { Verdict } from "./verdict.ts";

export const rateNames = [
    "baseline",
    "health",
    "performance",
    "configuration consistency",
    "service dependencies",
] as const;

const count = z.int().nonnegative();

export const rateSchema = z.strictObject({
    name: z.enum(rateNames),
    /** `fail`: something is wrong. `inconclusive`: nothing is known to be wrong, and not everything is known (R96). */
    result: z.enum(["pass", "fail", "inconclusive"]),
    succeeded: count,
    total: count,
    /** What is counted, as in `properties`. */
    of: z.string().min(1),
});

export type Rate = z.infer<typeof rateSchema>;

/** What there is to count; what is left out gives a rate without data. */
export interface RateFacts {
    readonly release: Pick<Release, "services" | "rollout">;
    readonly findings: readonly Finding[];
    readonly verdicts: readonly Verdict[];
    /** The services as their rollout has proven them, with the time of an answer. */
    readonly proven: readonly Pick<ServiceOutcome, "name" | "probeMs">[];
}

/** Properties that configure the program inside a container, by the first word of their path. */
const configuring = new Set(["environment", "files", "command", "entrypoint", "working_dir", "healthcheck", "labels"]);

type Result = Rate["result"];

/** One rate for each name, in their order. */
export function successRates({ release, findings, verdicts, proven }: RateFacts): Rate[] {
    const verdictOf = new Map(verdicts.map(({ service, result }) => [service, result]));
    const { responseTimeMs } = release.rollout.performance;
    const answered = release.services.map(({ name }): Result => {
        const ms = proven.find((service) => service.name === name)?.probeMs ?? 0;
        // 0 is how a rollout says that it has not asked.
        return ms === 0 ? "inconclusive" : ms <= responseTimeMs ? "pass" : "fail";
    });
    const properties = findings.map(resultOf);
    const configuration = findings.filter(({ property }) => configuring.has(property.split(".")[0] ?? ""));
    const dependencies = release.services.flatMap(({ dependsOn }) =>
        dependsOn.map(({ service }): Result => verdictOf.get(service) ?? "inconclusive"),
    );
    const health = release.services.map(({ name }): Result => verdictOf.get(name) ?? "inconclusive");
    return [
        rate("baseline", "properties", properties),
        rate("health", "services", health),
        rate("performance", `services, answer within ${responseTimeMs} ms`, answered),
        rate("configuration consistency", "properties", configuration.map(resultOf)),
        rate("service dependencies", "dependencies", dependencies),
    ];
}

function resultOf({ result }: Finding): Result {
    if (result === "drift") return "fail";
    return result === "inconclusive" ? "inconclusive" : "pass";
}

function rate(name: Rate["name"], of: string, results: readonly Result[]): Rate {
    const succeeded = results.filter((result) => result === "pass").length;
    const total = results.length;
    const whole: Result = results.includes("fail")
        ? "fail"
        : total > 0 && succeeded === total
          ? "pass"
          : "inconclusive";
    return { name, result: whole, succeeded, total, of };
}

/** Rows for a table: name, rate, what was counted. Rounded down: 100 % only where all succeeded. */
export function rateRows(rates: readonly Rate[]): string[][] {
    return rates.map(({ name, result, succeeded, total, of }) => [
        name,
        result === "inconclusive" ? "inconclusive" : `${Math.floor((100 * succeeded) / total)} %`,
        `${succeeded} of ${total} ${of}`,
    ]);
}
