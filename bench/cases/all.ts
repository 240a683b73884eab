/** Every case, in the order in which a whole run takes them. */
import type { BenchCase } from "./case.ts";
import { edgeCost } from "./edge-cost.ts";
import { firstDeploy } from "./first-deploy.ts";
import { manyServices } from "./many-services.ts";
import { parityCost } from "./parity-cost.ts";
import { postgresWriters } from "./postgres-writers.ts";
import { noChangeCost, updateCost } from "./pulumi-cost.ts";
import { loadCases } from "./under-load.ts";

// The slow start is the last one of the load cases: see there.
export const allCases: readonly BenchCase[] = [
    firstDeploy,
    noChangeCost,
    updateCost,
    edgeCost,
    parityCost,
    postgresWriters,
    ...loadCases,
    manyServices,
];
