/** How a crash in the middle of a start is told from other refusals of the engine. */
import { describe, expect, test } from "@jest/globals";
import { engineError } from "../../../engine/docker-errors.ts";
import { heldByFolder, heldByShim, isHeldByShim, leftFolder } from "../../../engine/left-shim.ts";

const id = "19f616b9aa02a0c75136a8c7758ae08b889744fe33c34552bf4f2eec6a5d56cf";
const refusalOf = (words: string) => {
    const said = Object.assign(new Error(`(HTTP code 500) server error - ${words}`), { statusCode: 500 });
    return engineError("unix:///docker.sock", "start container store-1", said);
};

describe("a start that what a crash has left stands against [R90]", () => {
    // The words of Docker 20.10 for a kill before the container is made, while it is made, and just after its start.
    test.each([
        [`task ${id}: already exists`],
        [`failed to start shim: mkdir /run/containerd/io.containerd.runtime.v2.task/moby/${id}: file exists: unknown`],
        ["id already in use"],
    ])("is known by %s", (words) => {
        expect(isHeldByShim(refusalOf(words))).toBe(true);
    });

    test.each([
        ["driver failed programming external connectivity: bind for 127.0.0.1:8000 failed: port is already allocated"],
        ['failed to create shim task: OCI runtime create failed: exec: "nothing": executable file not found in $PATH'],
        ["No such container: store-1"],
    ])("is not seen in %s", (words) => {
        expect(isHeldByShim(refusalOf(words))).toBe(false);
    });

    test("names what clears it, and why that was not done from here", () => {
        const { message, remedy, category } = heldByShim(id, refusalOf("id already in use"), new Error("no shell"));
        expect(category).toBe("engine");
        expect(message).toBe(
            "The Docker engine could not start container store-1: id already in use. " +
                "A crash of the engine has left a process of an earlier start, which could not be ended from here: no shell",
        );
        expect(remedy).toContain(`pkill -9 -f '[c]ontainerd-shim.* -id ${id}'`);
    });
    test("names the restart that clears what is left of the first milliseconds", () => {
        const { message, remedy } = heldByFolder(
            refusalOf(`failed to start shim: mkdir /moby/${id}: file exists: unknown`),
        );
        expect(message).toContain(
            "file exists: unknown. A crash of the engine has left the folder of an earlier start",
        );
        expect(remedy).toMatch(/^Restart the engine/);
    });
});

describe("the folder that a start has left", () => {
    const id = "0123456789abcdef".repeat(4);
    const below = "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby";
    const held = (folder: string) => refusalOf(`failed to start shim: mkdir ${folder}: file exists: unknown`);

    test("is what the refusal names, when it is this container's", () => {
        expect(leftFolder(held(`${below}/${id}`), id)).toBe(`${below}/${id}`);
    });

    test.each([
        ["another container's", `${below}/${"f".repeat(64)}`],
        ["not among the tasks", `/var/lib/docker/volumes/${id}`],
        ["not a plain path", `${below}/../../${id}`],
    ])("is none where the folder is %s", (_, folder) => {
        expect(leftFolder(held(folder), id)).toBeUndefined();
    });

    test("is none where the refusal is another one", () => {
        expect(leftFolder(refusalOf("id already in use"), id)).toBeUndefined();
    });
});
