/** The api's container, as a plain program declares it: a change stops the old one and starts a new one in its place. */
import { readFileSync } from "node:fs";
import type { ContainerArgs } from "@pulumi/docker";
import * as docker from "@pulumi/docker";

// The benchmark writes here what it has read of the container that Plumbline runs.
const file = process.env.BENCH_CONTAINER;
if (file === undefined) throw new Error("BENCH_CONTAINER names no file");
const args = JSON.parse(readFileSync(file, "utf8")) as ContainerArgs;

const container = new docker.Container("api", args, { deleteBeforeReplace: true });
export const id = container.id;
