/** The settings of a stack. */
import { describe, expect, test } from "@jest/globals";
import { PlumblineError } from "../../../release/errors.ts";
import { checkPassphrase, localPassphrase, parseSettings } from "../../../release/settings.ts";
import { describeSettings, stackNames } from "../../../release/settings-schema.ts";

function problemsOf(stack: string, raw: Record<string, string>): string {
    try {
        parseSettings(stack, raw);
    } catch (error) {
        if (error instanceof PlumblineError && error.category === "settings") return error.format();
        throw error;
    }
    throw new Error("the settings were accepted");
}

describe("defaults", () => {
    test("are those of the requirements [R32] [R70] [R06]", () => {
        const settings = parseSettings("local", {});
        expect(settings.health).toEqual({
            initialDelaySeconds: 10,
            retries: 3,
            intervalSeconds: 5,
            successThreshold: 1,
            failureThreshold: 3,
            backoffFactor: 2,
        });
        expect(settings.reports).toEqual({
            deploymentDays: 30,
            healthDays: 7,
            performanceDays: 30,
            validationDays: 30,
            rollbackDays: 90,
        });
        expect(settings.performance).toEqual({ responseTimeMs: 1000, throughputRps: 10, errorRatePercent: 5 });
        expect(settings.rollout).toMatchObject({ healthFailures: 5, acceptWeaker: [] });
        expect(settings).toMatchObject({ project: "insurance_navigator", bindAddress: "127.0.0.1", drainSeconds: 30 });
    });

    test("keep the stacks apart by project, and staging beside local by ports [R06]", () => {
        const [local, staging, production] = stackNames.map((stack) => parseSettings(stack, {}));
        expect(new Set([local, staging, production].map((it) => it?.project)).size).toBe(3);
        expect(staging?.ports.offset).toBe(10_000);
        expect([local, staging, production].map((it) => it?.probePort)).toEqual([54_390, 64_390, 54_390]);
    });

    test("are in no way shared between two calls", () => {
        const first = parseSettings("local", { variables: '{"A":"1"}' });
        expect(first.variables).toEqual({ A: "1" });
        expect(parseSettings("local", {}).variables).toEqual({});
    });
});

describe("values", () => {
    test("of the configuration go over the defaults, also inside a structured one [R06]", () => {
        const settings = parseSettings("staging", {
            health: '{"retries":7}',
            ports: '{"offset":20}',
            drainSeconds: "5",
        });
        expect(settings.health).toMatchObject({ retries: 7, intervalSeconds: 5 });
        expect(settings).toMatchObject({ ports: { offset: 20 }, probePort: 54_410, drainSeconds: 5 });
    });

    test("of the ports may be the word auto, beside the stack's own offset [R12]", () => {
        expect(parseSettings("staging", { ports: "auto" }).ports).toEqual({ offset: 10_000, auto: true });
        expect(parseSettings("local", { ports: '{"auto":true}' }).ports).toEqual({ offset: 0, auto: true });
        expect(parseSettings("local", {}).ports.auto).toBe(false);
    });

    test("of the probe port are not moved", () => {
        expect(parseSettings("staging", { probePort: "6000" }).probePort).toBe(6000);
    });

    test("that YAML reads as numbers are text where a variable wants text", () => {
        expect(parseSettings("local", { variables: '{"A":5,"B":true,"C":"x"}' }).variables).toEqual({
            A: "5",
            B: "true",
            C: "x",
        });
    });

    test("of a text that looks like JSON stay text", () => {
        expect(parseSettings("local", { project: "123" }).project).toBe("123");
    });
});

describe("a wrong key or value", () => {
    test("is named with key, value, what was expected and the file, all at once [R06]", () => {
        const text = problemsOf("staging", {
            bindAdress: "x",
            health: '{"retris":1,"intervalSeconds":"often"}',
            drainSeconds: "soon",
            ports: "free",
        });
        expect(text).toContain("Pulumi.staging.yaml");
        expect(text).toContain("plumbline:bindAdress is not a setting (did you mean bindAddress?)");
        expect(text).toContain("plumbline:health.retris is not a setting (did you mean retries?)");
        expect(text).toContain('plumbline:health.intervalSeconds is "often": expected number');
        expect(text).toContain('plumbline:drainSeconds is "soon": expected number');
        expect(text).toContain('plumbline:ports is "free": expected object');
    });

    test.each([
        ["project", "Insurance Navigator"],
        ["bindAddress", "localhost"],
        ["probePort", "70000"],
        ["probePort", "1.5"],
        ["ports", '{"offset":-1}'],
        ["ports", '{"auto":"yes"}'],
        ["preflight", '{"engineApi":1.5}'],
        ["preflight", '{"engineApi":"20.10.24"}'],
        ["preflight", '{"diskFreeGb":-1}'],
        ["adoptVolumes", '"data"'],
        ["health", '{"retries":-1}'],
        ["health", '{"backoffFactor":0.5}'],
        ["network", '{"retries":"3"}'],
        ["credentialsVersion", "0"],
        ["rollout", '{"bakeSeconds":-1}'],
        ["rollout", '{"bakeIntervalSeconds":0}'],
        ["rollout", '{"healthFailures":0}'],
        ["rollout", '{"acceptWeaker":"api"}'],
        ["performance", '{"responseTimeMs":0}'],
        ["performance", '{"throughputRps":0}'],
        ["performance", '{"errorRatePercent":101}'],
        ["reports", '{"healthDays":0}'],
        ["variables", '["A=1"]'],
        ["variables", '{"A B":"1"}'],
        ["images", '{"storage":""}'],
        ["startTimeoutSeconds", '{"postgres":"1m"}'],
        ["secrets", '{"A":""}'],
    ])("%s: %s is refused", (key, value) => {
        expect(problemsOf("production", { [key]: value })).toContain(`plumbline:${key}`);
    });

    test("inside a structured one, set without --path, gets the hint", () => {
        expect(problemsOf("local", { "health.retries": "5" })).toContain("for a key inside health, set it with --path");
    });

    test("never shows the value of a secret [R06]", () => {
        for (const raw of [
            '{"A":{"b":"hunter2-hunter2"}}',
            '{"A B":"hunter2-hunter2"}',
            '"hunter2-hunter2"',
            "hunter2-hunter2",
        ]) {
            const text = problemsOf("production", { secrets: raw });
            expect(text).toContain("plumbline:secrets");
            expect(text).not.toContain("hunter2");
        }
    });

    test("an unknown stack is refused with the known ones", () => {
        expect(problemsOf("prod", {})).toContain("did you mean production?");
        expect(problemsOf("constructor", {})).toContain("local, staging, production");
    });
});

describe("contradictions", () => {
    test("local is published on this machine only [R65]", () => {
        expect(problemsOf("local", { bindAddress: "0.0.0.0" })).toContain("published on this machine only");
        expect(parseSettings("local", { bindAddress: "127.0.0.2" }).bindAddress).toBe("127.0.0.2");
        expect(parseSettings("production", { bindAddress: "0.0.0.0" }).bindAddress).toBe("0.0.0.0");
    });

    test("a bake that is shorter than the looks that could undo it is refused, unless there is none", () => {
        const rollout = (text: string) => ({ rollout: text });
        const short = problemsOf("local", rollout('{"bakeSeconds":2,"bakeIntervalSeconds":0.5,"healthFailures":5}'));
        expect(short).toContain("plumbline:rollout.bakeSeconds is 2: it must hold 5 intervals of 0.5 s, or be 0");
        expect(problemsOf("staging", rollout('{"bakeIntervalSeconds":20}'))).toContain("hold 5 intervals of 20 s");
        expect(problemsOf("production", rollout('{"healthFailures":31}'))).toContain("hold 31 intervals of 10 s");
        for (const just of ['{"bakeSeconds":2.5,"bakeIntervalSeconds":0.5}', '{"bakeSeconds":0}'])
            expect(parseSettings("local", rollout(just)).rollout.healthFailures).toBe(5);
    });

    test("the defaults of no stack contradict each other", () => {
        for (const stack of stackNames) expect(parseSettings(stack, {}).rollout.healthFailures).toBe(5);
    });

    test("a variable that is also a secret is refused", () => {
        const text = problemsOf("local", { variables: '{"A":"1"}', secrets: '{"A":"hunter2-hunter2"}' });
        expect(text).toContain("plumbline:variables.A is also set as plumbline:secrets.A");
        expect(text).not.toContain("hunter2");
    });
});

describe("the passphrase", () => {
    const check = (stack: string, phrase: string) => () => checkPassphrase(stack, { PULUMI_CONFIG_PASSPHRASE: phrase });

    test("of local may be the documented one", () => {
        expect(check("local", localPassphrase)).not.toThrow();
        expect(localPassphrase).toBe("plumbline-local");
    });

    test.each(["staging", "production"])("of %s may not be empty, short or the documented one", (stack) => {
        for (const phrase of ["", localPassphrase, "11-characte"]) expect(check(stack, phrase)).toThrow(PlumblineError);
        expect(check(stack, "12-character")).not.toThrow();
    });

    test("is never in the message", () => {
        expect(check("production", "tiny-one")).not.toThrow(/tiny-one/);
    });

    test("is judged in a file too, which counts only where the variable is not set, as Pulumi has it", () => {
        const read = () => "short\n";
        expect(() => checkPassphrase("staging", { PULUMI_CONFIG_PASSPHRASE_FILE: "f" }, read)).toThrow(/shorter/);
        const both = { PULUMI_CONFIG_PASSPHRASE: "long enough for all", PULUMI_CONFIG_PASSPHRASE_FILE: "f" };
        expect(() => checkPassphrase("staging", both, read)).not.toThrow();
        expect(() => checkPassphrase("staging", {})).not.toThrow();
    });
});

describe("the settings reference", () => {
    const rows = describeSettings();

    test("has every setting once, with unit, meaning and its default for each stack", () => {
        expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length);
        for (const row of rows) {
            expect(row.key).toMatch(/^plumbline:[a-zA-Z.]+$/);
            expect(row.unit).not.toBe("");
            expect(row.meaning).toMatch(/\.$/);
        }
        expect(rows.find(({ key }) => key === "plumbline:ports.offset")?.defaults).toEqual({
            local: 0,
            staging: 10_000,
            production: 0,
        });
    });

    test("lists exactly what a parsed stack has", () => {
        const paths = (value: unknown, path: string): string[] =>
            value !== null && typeof value === "object" && Object.keys(value).length > 0
                ? Object.entries(value).flatMap(([key, member]) => paths(member, path === "" ? key : `${path}.${key}`))
                : [path];
        const { stack: _, ...settings } = parseSettings("local", {});
        expect(rows.map(({ key }) => key.slice("plumbline:".length)).sort()).toEqual(paths(settings, "").sort());
    });
});
