import { policySchema } from "../model/policy.ts";
import type { Policy } from "../model/policy.ts";

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly keys?: readonly string[];
}

/**
 * The policy that would remain without the values at fault. Only for going on looking for further problems, so that
 * all are told at once; never to be put in force. Undefined when nothing useful remains.
 */
export function salvage(raw: unknown, issues: readonly Issue[]): Policy | undefined {
  const rest = structuredClone(raw);
  for (const { path, keys } of issues) {
    if (keys === undefined) remove(rest, path);
    else for (const key of keys) remove(rest, [...path, key]);
  }
  const parsed = policySchema.safeParse(rest);
  return parsed.success ? parsed.data : undefined;
}

function remove(root: unknown, path: readonly PropertyKey[]): void {
  const isInRule = path[0] === "auth" && path[1] === "rules" && typeof path[2] === "number";
  // Lists go as a whole, rules key by key: a rule's place in the list is what it is found by.
  const firstIndex = path.findIndex((step) => typeof step === "number");
  const end = isInRule ? 4 : firstIndex === -1 ? path.length : firstIndex;
  const steps = path.slice(0, end);
  const last = steps.at(-1);
  const parent = steps.slice(0, -1).reduce<unknown>((value, step) => {
    return typeof value === "object" && value !== null ? Reflect.get(value, step) : undefined;
  }, root);
  if (last === undefined || typeof parent !== "object" || parent === null) return;
  if (isInRule && steps.length === 3) Reflect.set(parent, last, { verdict: "accept" });
  else if (isInRule && last === "verdict") Reflect.set(parent, last, "accept");
  else Reflect.deleteProperty(parent, last);
}
