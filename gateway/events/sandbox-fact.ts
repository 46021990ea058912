import type { SandboxFact } from "../model/sandbox-facts.ts";
import type { EventBody } from "./cowrie-event.ts";
import { networkEvent } from "./network.ts";
import { processEvents } from "./process.ts";

/** The events of what a sandbox did, whenever it did it. Those of files depend on what was told before: witnessed-files.ts. */
export function sandboxFactEvents(fact: SandboxFact): EventBody[] {
  switch (fact.kind) {
    case "network":
      return [networkEvent(fact)];
    case "process":
      return processEvents(fact);
    case "file":
      return [];
    default:
      return fact satisfies never;
  }
}
