import { parsePolicy } from "../../gateway/policy/load.ts";
import type { Policy } from "../../gateway/model/policy.ts";
import { PolicyError } from "../../gateway/policy/problem.ts";

/** The policy in a YAML text that is valid. */
export function policyOf(yaml: string): Policy {
  const result = parsePolicy(Buffer.from(yaml), "test.yaml");
  if ("problems" in result) throw new PolicyError(result.problems);
  return result.loaded.policy;
}
