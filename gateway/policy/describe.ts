import { stringify } from "yaml";
import type { LoadedPolicy, Policy } from "../model/policy.ts";
import { asWritten } from "./units.ts";

/** The whole policy, every default written out, units as people write them. Loading it gives the same policy. */
export function describePolicy({ policy, path, hash }: LoadedPolicy): string {
  return `# ${JSON.stringify(path)}, SHA-256 ${hash}\n${policyAsYaml(policy)}`;
}

export function policyAsYaml(policy: Policy): string {
  return stringify(asWritten(policy), { lineWidth: 0, aliasDuplicateObjects: false });
}
