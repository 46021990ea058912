import type { SandboxFact } from "../model/sandbox-facts.ts";
import { fileFactOf } from "./file-fact.ts";
import { networkFactOf } from "./network-fact.ts";
import { fieldsOf } from "./plain-values.ts";
import { processFactOf } from "./process-fact.ts";

/** The fact that a JSON value is, with nothing else in it, or undefined where it is none. */
export function sandboxFactOf(value: unknown): SandboxFact | undefined {
  switch (fieldsOf(value)?.["kind"]) {
    case "network":
      return networkFactOf(value);
    case "process":
      return processFactOf(value);
    case "file":
      return fileFactOf(value);
    default:
      return undefined;
  }
}
