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
  const steps = path.slice(0, isInRule ? 4 : lengthToRemove(path));
  const last = steps.at(-1);
  const parent = steps.slice(0, -1).reduce<unknown>((value, step) => {
    return typeof value === "object" && value !== null ? Reflect.get(value, step) : undefined;
  }, root);
  if (last === undefined || typeof parent !== "object" || parent === null) return;
  if (isInRule && steps.length === 3) Reflect.set(parent, last, { verdict: "accept" });
  else if (isInRule && last === "verdict") Reflect.set(parent, last, "accept");
  else Reflect.deleteProperty(parent, last);
}

/**
 * Lists go as a whole; rules and profiles key by key, since they are found by their place in the list. A profile that is none, or has
 * lost its name or what it matches, takes all with it.
 */
function lengthToRemove(path: readonly PropertyKey[]): number {
  const isInProfile = path[0] === "profiles" && path.length > 2 && path[2] !== "name";
  const isMatch = path[2] === "match" && path.length === 3;
  const from = isInProfile && !isMatch ? 2 : 0;
  const index = path.findIndex((step, at) => at >= from && typeof step === "number");
  return index === -1 ? path.length : index;
}
