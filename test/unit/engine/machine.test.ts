/** What is left of a machine: read here, or out of what a container on it says. */
import { expect, test } from "@jest/globals";
import { localSpace, parseSpace, remoteSpace } from "../../../engine/machine.ts";

const df = "overlay         263112656 18211832 231462880       8% /\n";
const meminfo = "MemTotal:       24512312 kB\nMemFree:        1 kB\nMemAvailable:   22011904 kB\n";

test("this machine tells both, and nothing of a disk that is not there [R10] [R96]", async () => {
    const here = await localSpace("/");
    expect(here.diskFree).toBeGreaterThan(0);
    expect(here.memoryAvailable).toBeGreaterThan(0);
    expect((await localSpace("/no-such-folder-of-an-engine")).diskFree).toBeUndefined();
});

test("a container tells both of its machine, in bytes [R10]", () => {
    expect(parseSpace(df + meminfo)).toEqual({ diskFree: 231462880 * 1024, memoryAvailable: 22011904 * 1024 });
});

test("what a container does not tell is not known, never nothing or plenty [R96]", async () => {
    expect(parseSpace("df: /: not permitted\n")).toEqual({ diskFree: undefined, memoryAvailable: undefined });
    const answers = async (exitCode: number) =>
        remoteSpace({ exec: async () => ({ exitCode, stdout: df + meminfo, stderr: "" }) }, "edge");
    expect((await answers(0)).diskFree).toBe(231462880 * 1024);
    expect(await answers(1)).toEqual({ diskFree: undefined, memoryAvailable: undefined });
    const gone = { exec: async () => Promise.reject(new Error("no such container")) };
    expect(await remoteSpace(gone, "edge")).toEqual({ diskFree: undefined, memoryAvailable: undefined });
});
