import type { FileFact } from "./file-facts.ts";
import type { NetworkFact } from "./network-facts.ts";
import type { ProcessFact } from "./process-facts.ts";

/** What a sandbox did, seen from outside of it: written into the recording of whose doing it was, or kept beside it when they had left. */
export type SandboxFact = NetworkFact | ProcessFact | FileFact;
