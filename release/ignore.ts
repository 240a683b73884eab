/** Which files of a build context count: the rules of `.dockerignore`, as the builder applies them. */

interface Rule {
    readonly matches: RegExp;
    readonly keeps: boolean;
}

/** Whether a path, relative to the context and with forward slashes, is left out by the text of a `.dockerignore`. */
export function ignoredBy(text: string): (path: string) => boolean {
    const rules = text
        .split(/\r?\n/)
        .filter((line) => !line.startsWith("#"))
        .map((line) => line.trim())
        .filter((line) => line !== "" && line !== "!")
        .map(ruleOf);
    // The last rule that matches decides, as in the builder.
    return (path) => rules.findLast((rule) => rule.matches.test(path))?.keeps === false;
}

function ruleOf(line: string): Rule {
    const keeps = line.startsWith("!");
    const pattern = (keeps ? line.slice(1).trim() : line)
        .split("/")
        .filter((part) => part !== "" && part !== ".")
        .join("/");
    // A rule for a folder holds for everything in it.
    return { keeps, matches: new RegExp(`^${expression(pattern)}(/.*)?$`, "s") };
}

/** A pattern of Go's `filepath.Match`, with `**` for any number of folders, as a regular expression. */
function expression(pattern: string): string {
    let text = "";
    for (let at = 0; at < pattern.length; at++) {
        const rest = pattern.slice(at);
        const char = pattern.charAt(at);
        if (rest.startsWith("**/")) {
            text += "(.*/)?";
            at += 2;
        } else if (rest.startsWith("**")) {
            text += ".*";
            at += 1;
        } else if (char === "*") text += "[^/]*";
        else if (char === "?") text += "[^/]";
        else if (char === "[" && rest.indexOf("]", 1) > 0) {
            const end = rest.indexOf("]", 1);
            text += `[${rest.slice(1, end).replaceAll("\\", "\\\\")}]`;
            at += end;
        } else if (char === "\\" && at + 1 < pattern.length) {
            at += 1;
            text += escaped(pattern.charAt(at));
        } else text += escaped(char);
    }
    return text;
}

function escaped(char: string): string {
    return /[\w-]/.test(char) ? char : `\\${char}`;
}
