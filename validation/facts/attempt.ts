/** A call to the engine whose failure is a fact that is missing, with the reason. */
import { z } from "zod";
import { type Fact, known, unknown } from "./fact.ts";

/** Never throws: what could not be asked or read is unknown. */
export async function attempt<T>(call: () => Promise<T>): Promise<Fact<T>> {
    try {
        return known(await call());
    } catch (error) {
        if (error instanceof z.ZodError)
            return unknown(`the engine's answer cannot be read: ${z.prettifyError(error)}`);
        return unknown(error instanceof Error ? error.message : String(error));
    }
}
