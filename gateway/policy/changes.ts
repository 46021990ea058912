import type { LoadedPolicy, Policy } from "../model/policy.ts";
import { showPath } from "./problem.ts";
import type { PolicyPath } from "./problem.ts";
import { asWritten } from "./units.ts";

/** One value that differs, as a policy file would hold it; a side is absent where the policy has no such value. */
export interface PolicyChange {
  readonly path: string;
  readonly from?: unknown;
  readonly to?: unknown;
}

/** Every leaf that differs. Lists are told entry by entry. */
export function policyChanges(from: Policy, to: Policy): PolicyChange[] {
  return differences(asWritten(from), asWritten(to), []);
}

/** Lists and databases whose content is another, each with the key that names it and the beginning of its hash. */
export function fileChanges(from: LoadedPolicy, to: LoadedPolicy): PolicyChange[] {
  const before = new Map(from.files.map((file) => [file.path, file]));
  return to.files.flatMap((file) => {
    const { hash } = before.get(file.path) ?? file;
    const show = (content: string) => `${file.path}, ${content.slice(0, 12)}`;
    return hash === file.hash ? [] : [{ path: file.key, from: show(hash), to: show(file.hash) }];
  });
}

/** `sandbox.idle: 1h → 2h`, for logs. */
export function showChange({ path, from, to }: PolicyChange): string {
  const show = (value: unknown) => (value === undefined ? "(none)" : JSON.stringify(value));
  return `${path}: ${show(from)} → ${show(to)}`;
}

function differences(from: unknown, to: unknown, path: PolicyPath): PolicyChange[] {
  if (Object.is(from, to)) return [];
  if (!isBranch(from) || !isBranch(to) || Array.isArray(from) !== Array.isArray(to)) {
    return [
      {
        path: showPath(path),
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
      },
    ];
  }
  const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...keys].flatMap((key) =>
    differences(Reflect.get(from, key), Reflect.get(to, key), [
      ...path,
      Array.isArray(from) ? Number(key) : key,
    ]),
  );
}

function isBranch(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
