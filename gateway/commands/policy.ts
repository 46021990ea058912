import { join } from "node:path";
import {
  checkAsJson,
  checkPolicies,
  policyFilesIn,
  policySchemaAsJson,
  renderCheck,
} from "../policy/check-command.ts";
import { givenPath, PROJECT_ROOT } from "./paths.ts";

export async function policyCheckCommand(
  files: readonly string[],
  options: { json?: true },
): Promise<number> {
  const paths = files.length > 0 ? files.map(givenPath) : await policyFilesIn(join(PROJECT_ROOT, "policies"));
  const check = await checkPolicies(paths);
  if (options.json) process.stdout.write(`${checkAsJson(check)}\n`);
  else {
    const { stdout, stderr } = renderCheck(check);
    process.stdout.write(stdout);
    process.stderr.write(stderr);
  }
  return check.exitCode;
}

export function policySchemaCommand(): number {
  process.stdout.write(`${policySchemaAsJson()}\n`);
  return 0;
}
