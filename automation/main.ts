/** The commands: reads the command line, calls one function of this room, prints its result, and ends with its exit code. */

import { createInterface } from "node:readline/promises";
import { Command, CommanderError, Option } from "commander";
import { describeError, PlumblineError } from "../release/errors.ts";
import { refuseGateSkipping } from "../release/gate-skipping.ts";
import { exitCodes } from "../rollout/outcome.ts";
import { type CommandOptions, defaultStack } from "./options.ts";
import { chooseView, plainView } from "./progress-view.ts";
import { type CommandResult, lastLine } from "./result.ts";

// Each command is loaded when it is used: Pulumi's API takes a second, which --help and a mistyped word need not wait for.

const exitCodeHelp = `
Exit codes:
  0   committed, or nothing to do
  10  rolled back: the stack is as it was before
  20  rollback failed, or stopped half way: a person is needed
  30  refused before any change
  64  wrong usage`;

/** Options that every command has. */
interface CommonOptions {
    readonly stack: string;
    readonly json?: boolean;
}

interface PreviewFlags {
    readonly fromNothing?: boolean;
    readonly withoutEngine?: boolean;
    readonly refresh?: boolean;
}

// Ctrl-C reaches Pulumi too, which stops at a safe point: wait for it. A signal to this process alone is passed on.
const stop = new AbortController();
process.on("SIGINT", () => {});
process.on("SIGTERM", () => stop.abort());

process.exitCode = await main(process.argv.slice(2));

/** Runs one command line; returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
    let exitCode: number = exitCodes.committed;
    const program = buildProgram((code) => {
        exitCode = code;
    });
    try {
        refuseGateSkipping(args);
        await program.parseAsync(args, { from: "user" });
        return exitCode;
    } catch (error) {
        if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.committed : exitCodes.usage;
        process.stderr.write(`${describeError(error)}\n`);
        return error instanceof PlumblineError && error.category === "usage" ? exitCodes.usage : exitCodes.refused;
    }
}

function buildProgram(finish: (exitCode: number) => void): Command {
    const program = new Command("plumbline")
        .description("Deploys the services of docker-compose.yml to a stack: all of them proven, or none changed.")
        .exitOverride()
        .showHelpAfterError("Run with --help for all commands and options.")
        .addHelpText("after", exitCodeHelp);
    /** A command with what all have; its last line is printed by `report`. */
    const command = (name: string, description: string, examples: readonly string[]) =>
        program
            .command(name)
            .description(description)
            .addOption(
                new Option("-s, --stack <name>", "the stack: local, staging or production").default(defaultStack),
            )
            .option("--json", "print the result as JSON on standard output, everything else on standard error")
            .allowExcessArguments(false)
            .addHelpText("after", `\nExamples:\n${examples.map((line) => `  $ ${line}`).join("\n")}\n${exitCodeHelp}`);

    command("deploy", "Bring a stack to the release of this checkout, or leave it as it was.", [
        "npm run deploy",
        "npm run deploy -- --stack staging",
        "npm run deploy -- --refresh",
        "npm run deploy -- --force",
        "npm run deploy -- --unpin",
    ])
        .option(
            "--refresh",
            "ask the engine first what became of everything, and make anew what drifts from the baseline; without it the former, when a service does not run as recorded",
        )
        .option("--force", "deploy this checkout's release although it was undone before; the ledger records it")
        .option(
            "--unpin",
            "deploy this checkout's release although a rollback has pinned another, and take the pin out once it runs",
        )
        .action(async (options: CommonOptions & { refresh?: boolean; force?: boolean; unpin?: boolean }) => {
            const { deploy, renderDeploy } = await import("./deploy.ts");
            const result = await deploy({
                ...shared(options),
                refresh: options.refresh ?? false,
                force: options.force ?? false,
                unpin: options.unpin ?? false,
            });
            finish(report(options, result, renderDeploy(result)));
        });

    command("preview", "Show what a deploy would change. Changes nothing.", [
        "npm run preview",
        "npm run preview -- --stack production",
        "npm run preview -- --stack staging --from-nothing",
        "npm run preview -- --stack staging --without-engine",
    ])
        .option("--from-nothing", "plan against an empty stack with throw-away backend, passphrase and secrets")
        .option(
            "--without-engine",
            "ask no engine: for a machine whose own is not the stack's, as in CI; what only an engine tells is left out",
        )
        .addOption(
            new Option("--refresh", "ask the engine first what runs, so that drift shows").conflicts("withoutEngine"),
        )
        .action(async (options: CommonOptions & PreviewFlags) => {
            const { preview, renderPlan } = await import("./preview.ts");
            const result = await preview({
                ...shared(options),
                fromNothing: options.fromNothing ?? false,
                withoutEngine: options.withoutEngine ?? false,
                refresh: options.refresh ?? false,
            });
            finish(report(options, result, result.outcome === "planned" ? renderPlan(result) : ""));
        });

    command("status", "Compare what runs with what the stack records. Changes nothing.", [
        "npm run status",
        "npm run status -- --stack staging --json",
    ]).action(async (options: CommonOptions) => {
        const { renderStatus, status } = await import("./status.ts");
        const result = await status({ ...shared(options) });
        finish(report(options, result, result.outcome === "refused" ? "" : renderStatus(result)));
    });

    command("rollback", "Bring a stack back to a release that was committed before, and pin it there.", [
        "npm run rollback",
        "npm run rollback -- 3f9c1a2b",
        "npm run rollback -- 3f9c1a2b --stack production",
    ])
        .argument("[release]", "id of the release, or its beginning; without it the one before the present one")
        .action(async (release: string | undefined, options: CommonOptions) => {
            const { rollback } = await import("./rollback.ts");
            const { renderDeploy } = await import("./deploy.ts");
            const result = await rollback({ ...shared(options), ...(release === undefined ? {} : { release }) });
            finish(report(options, result, renderDeploy(result)));
        });

    command("recover", "After a deployer was killed: bring a stack to all-old or all-new, and clear what it left.", [
        "npm run recover",
        "npm run recover -- --stack production --yes",
    ])
        .option("--yes", "take over also from a deployer on another machine, which may be alive")
        .action(async (options: CommonOptions & { yes?: boolean }) => {
            const { recover } = await import("./recover.ts");
            const result = await recover({ ...shared(options), yes: options.yes ?? false });
            finish(report(options, result, result.outcome === "unchanged" ? "There was nothing to recover.\n" : ""));
        });

    command(
        "releases",
        "List what was committed, what runs, what is pinned and what is quarantined. Changes nothing.",
        ["npm run releases", "npm run releases -- --stack staging --json"],
    ).action(async (options: CommonOptions) => {
        const { releases, renderReleases } = await import("./releases.ts");
        const result = await releases({ ...shared(options) });
        finish(report(options, result, result.outcome === "refused" ? "" : renderReleases(result)));
    });

    command(
        "validate",
        "Compare every property of the baseline with what runs, and name what restores it. Changes nothing without --fix.",
        ["npm run validate", "npm run validate -- --stack production --json", "npm run validate -- --fix"],
    )
        .option("--fix", "make the containers anew that drift, and no others, by the same transaction as a deploy")
        .action(async (options: CommonOptions & { fix?: boolean }) => {
            const { renderValidate, validate } = await import("./validate.ts");
            const result = await validate({ ...shared(options), fix: options.fix ?? false });
            finish(report(options, result, renderValidate(result)));
        });

    command("destroy", "Stop and remove a stack in reverse order. Data volumes stay unless --volumes is given.", [
        "npm run destroy -- --stack staging",
        "npm run destroy -- --stack local --volumes --yes",
    ])
        .option("--volumes", "delete the data volumes too; cannot be undone")
        .option("--yes", "do not ask before deleting data")
        .action(async (options: CommonOptions & { volumes?: boolean; yes?: boolean }) => {
            if (options.volumes && !options.yes) await confirmDeletion(options.stack);
            const { destroy, renderDestroy } = await import("./destroy.ts");
            const result = await destroy({
                ...shared(options),
                volumes: options.volumes ?? false,
            });
            finish(report(options, result, renderDestroy(result)));
        });

    command("secrets", "Generate the secrets that a stack lacks, and set them encrypted in Pulumi.<stack>.yaml.", [
        "npm run secrets -- --stack staging",
        "npm run secrets -- --stack production --rotate JWT_SECRET",
    ])
        .option("--rotate <name>", "give this secret a new value, and the keys signed with it")
        .action(async (options: CommonOptions & { rotate?: string }) => {
            const { renderSecrets, secrets } = await import("./secrets.ts");
            const result = await secrets({
                ...shared(options),
                ...(options.rotate === undefined ? {} : { rotate: options.rotate }),
            });
            finish(report(options, result, result.outcome === "secrets-set" ? renderSecrets(result) : ""));
        });

    return program;
}

/** What every command hands to its function. Progress goes to standard error when standard output carries JSON. */
function shared(options: CommonOptions): Pick<CommandOptions, "stack" | "view" | "signal"> {
    const view = options.json ? plainView(process.stderr) : chooseView(process.stdout, process.env);
    return { stack: options.stack, view, signal: stop.signal };
}

/** Prints a result, its last line last; returns the exit code. */
function report(options: CommonOptions, result: CommandResult, body: string): number {
    if (options.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    const out = options.json ? process.stderr : process.stdout;
    if (body !== "" && !options.json) out.write(`\n${body}\n`);
    if (result.failure !== null) process.stderr.write(`${failureText(result)}\n`);
    out.write(`${lastLine(result)}\n`);
    return result.exitCode;
}

/** The failure complete: message, every diagnostic that says more, the next step. */
function failureText({ failure, diagnostics }: CommandResult): string {
    if (failure === null) return "";
    const about = failure.service === null ? failure.category : `${failure.category}, ${failure.service}`;
    const next = failure.remedy === null ? "" : `\n  Next: ${failure.remedy}`;
    const summary = `Error: ${failure.message} [${about}]${next}`;
    const more = diagnostics.filter((text) => !failure.message.includes(text));
    // A diagnostic that holds the whole failure takes its place.
    const isRepeated = more.some((text) => text.includes(failure.message) && text.includes(failure.remedy ?? ""));
    if (isRepeated) return `Error: ${more.join("\n")}`;
    const [cause = ""] = failure.message.split("\n", 1);
    return [summary, ...more.filter((text) => !text.includes(cause))].join("\n");
}

/**
 * Asks for the stack's name before data is deleted.
 * @throws PlumblineError `usage` where nobody can be asked, or when another name was typed
 */
async function confirmDeletion(stack: string): Promise<void> {
    const remedy = "Add --yes when the data of this stack is to be deleted for good.";
    if (process.stdin.isTTY !== true || process.env.CI === "true") {
        throw new PlumblineError("usage", "--volumes deletes data and nobody can be asked here.", { remedy });
    }
    const prompt = createInterface({ input: process.stdin, output: process.stderr });
    try {
        const answer = await prompt.question(`This deletes all data of ${stack}. Type its name to go on: `);
        if (answer.trim() !== stack) throw new PlumblineError("usage", "Nothing was deleted.", { remedy });
    } finally {
        prompt.close();
    }
}
