import { join } from "node:path";
import type { Command } from "commander";
import { dataOption, jsonOption } from "./common-options.ts";
import { PROJECT_ROOT } from "./paths.ts";
import type { ExplainOptions } from "./policy-explain.ts";
import type { TryOptions } from "./policy-try.ts";

/** `mitsubako policy …`. Each command's code is loaded only when it is called. */
export function addPolicyCommands(program: Command): void {
  const policies = program.command("policy").description("look at policies");
  policies
    .command("check")
    .description("say whether policy files are valid, and where they are not")
    .argument("[file...]", "policy files (those in policies/ if none is named)")
    .option("--strict", "take warnings for mistakes")
    .addOption(jsonOption())
    .action(async (files: string[], options: { json?: true; strict?: true }) => {
      const { policyCheckCommand } = await import("./policy.ts");
      process.exitCode = await policyCheckCommand(files, options);
    });
  policies
    .command("explain")
    .description("say what a policy answers to one attempt, why, and where each of its values comes from")
    .argument("[file]", "the policy file", join(PROJECT_ROOT, "policies/default.yaml"))
    .requiredOption("--source <address>", "who tries")
    .requiredOption("--user <name>", "as whom")
    .requiredOption("--password <text>", "with which password")
    .option("--attempt <n>", "which attempt of the source it is", "1")
    .option(
      "--known-as <what>",
      "what the source was told of this password for this user before: right, refused, or other if another one was right",
    )
    .option(
      "--at <time>",
      "when the connection was made, for profiles: a date and time, or 2h for two hours ago",
      "now",
    )
    .option("--listener <port>", "where it was connected to, for profiles: a port, or ADDRESS:PORT")
    .addOption(jsonOption())
    .action(async (file: string, options: ExplainOptions) => {
      const { policyExplainCommand } = await import("./policy-explain.ts");
      process.exitCode = await policyExplainCommand(file, options);
    });
  policies
    .command("try")
    .description("say what a policy would have made of who came: nothing is changed")
    .argument("<file>", "the policy file")
    .addOption(dataOption())
    .option("--since <time>", "of sessions since then: 2h, 30d, or a date", "30d")
    .addOption(jsonOption())
    .action(async (file: string, options: TryOptions) => {
      const { policyTryCommand } = await import("./policy-try.ts");
      process.exitCode = await policyTryCommand(file, options);
    });
  policies
    .command("init")
    .description("write a policy with every key, what it means, what it takes and its default")
    .argument("[file]", "a file that is not there yet (standard output if none is named)")
    .action(async (file: string | undefined) => {
      const { policyInitCommand } = await import("./policy-init.ts");
      process.exitCode = await policyInitCommand(file);
    });
  policies
    .command("schema")
    .description("print the JSON Schema of policies, for editors")
    .action(async () => {
      const { policySchemaCommand } = await import("./policy.ts");
      process.exitCode = policySchemaCommand();
    });
}
