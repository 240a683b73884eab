/** Every case, in the order in which a whole run takes them. */
import type { BenchCase } from "./case.ts";
import { firstDeploy } from "./first-deploy.ts";
import { postgresWriters } from "./postgres-writers.ts";
import { noChangeCost, updateCost } from "./pulumi-cost.ts";
import { loadCases } from "./under-load.ts";

// The slow start comes last: see there.
export const allCases: readonly BenchCase[] = [firstDeploy, noChangeCost, updateCost, postgresWriters, ...loadCases];
