import { join } from "node:path";
import {
  checkAsJson,
  checkPolicies,
  policyFilesIn,
  policySchemaAsJson,
  renderCheck,
} from "../policy/check-command.ts";
import { circumstancesHere } from "../policy/circumstances.ts";
import { PROJECT_ROOT, shownPath } from "./paths.ts";

export async function policyCheckCommand(
  files: readonly string[],
  options: { json?: true; strict?: true },
): Promise<number> {
  const paths = files.length > 0 ? files.map(shownPath) : await policyFilesIn(join(PROJECT_ROOT, "policies"));
  const check = await checkPolicies(paths, {
    isStrict: options.strict === true,
    circumstances: circumstancesHere(),
  });
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
