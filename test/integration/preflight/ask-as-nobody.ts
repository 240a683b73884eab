/** Looks at an engine as a user who is not root, and prints what it says. Modules are read before the user is changed. */
import { connectEngine } from "../../../engine/docker.ts";
import { lookAtEngine } from "../../../validation/preflight/look.ts";

if (process.getuid?.() === 0) process.seteuid?.(65_534);
const look = await lookAtEngine(connectEngine(process.argv[2]));
console.log(look.reached ? "reached" : look.error.format());
