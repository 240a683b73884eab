/** What a client of Supabase is told of a stack: the outputs that applications and people read. */
import type { SupabaseRelease } from "./types.ts";

/** Project id, API address and the two keys; each undefined where the baseline declares no Supabase. */
export function supabaseOutputs(supabase: SupabaseRelease | undefined, secrets: Readonly<Record<string, string>>) {
    return {
        projectId: supabase?.projectId,
        apiUrl: supabase?.apiUrl,
        anonKey: secrets[supabase?.anonKey ?? ""],
        serviceRoleKey: secrets[supabase?.serviceRoleKey ?? ""],
    };
}
