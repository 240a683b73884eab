/** The shape of our dynamic providers: Pulumi's own, with inputs and outputs typed and no method left out. */
import { PlumblineError } from "../release/errors.ts";

export interface DiffResult {
    readonly changes: boolean;
    readonly deleteBeforeReplace: boolean;
}

export interface CheckFailure {
    readonly property: string;
    readonly reason: string;
}

/** All six methods, always: without `diff` every change of text is an update, without `update` outputs are lost. */
export interface DynamicProvider<Inputs, Outputs> {
    /** @param olds empty where Pulumi's state does not have the resource */
    check(olds: Partial<Inputs>, news: Inputs): Promise<{ inputs: Inputs; failures?: CheckFailure[] }>;
    diff(id: string, olds: Outputs, news: Inputs): Promise<DiffResult>;
    create(inputs: Inputs): Promise<{ id: string; outs: Outputs }>;
    update(id: string, olds: Outputs, news: Inputs): Promise<{ outs: Outputs }>;
    read(id: string, props: Outputs): Promise<{ id: string; props: Outputs }>;
    delete(id: string, props: Outputs): Promise<void>;
}

/** Runs what a method does. Pulumi shows of an error its message alone, so that must say the category and the next step too. */
export async function inWords<T>(act: () => Promise<T>): Promise<T> {
    try {
        return await act();
    } catch (error) {
        throw error instanceof PlumblineError ? new Error(error.format(), { cause: error }) : error;
    }
}
