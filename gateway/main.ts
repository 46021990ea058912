#!/usr/bin/env node
/** argv → subcommand. Each command's code is loaded only when it is called. */
import { Command, CommanderError, Option } from "commander";
import { ERROR_CODES, MitsubakoError } from "./model/errors.ts";

const program = new Command("mitsubako")
  .description("A high-interaction SSH honeypot: strangers land in a real Linux of their own, and every byte is kept.")
  .version("0.1.0")
  .exitOverride()
  .showHelpAfterError("(mitsubako --help tells what can be called)");

const data = () =>
  new Option("--data <folder>", "the data folder").env("MITSUBAKO_DATA").default("data");
const policy = () =>
  new Option("--policy <file>", "the policy file").env("MITSUBAKO_POLICY").default("policies/default.yaml");
const json = () => new Option("--json", "print JSON, for programs");
const collect = (value: string, earlier: string[] | undefined) => [...(earlier ?? []), value];

program
  .command("serve")
  .description("run the gateway in the foreground")
  .addOption(policy())
  .addOption(data())
  .addOption(
    new Option("--listen <address:port>", "listen here instead of where the policy says; can be repeated (MITSUBAKO_LISTEN: separated by commas)").argParser(collect),
  )
  .addOption(json())
  .action(async (options: { policy: string; data: string; listen?: string[]; json?: true }) => {
    const { serveCommand } = await import("./commands/serve.ts");
    process.exitCode = await serveCommand(options);
  });

program
  .command("doctor")
  .description("tell whether this machine can run the gateway, and what to do where it cannot")
  .addOption(policy())
  .addOption(data())
  .addOption(json())
  .action(async (options: { policy: string; data: string; json?: true }) => {
    const { doctorCommand } = await import("./commands/doctor.ts");
    process.exitCode = await doctorCommand(options);
  });

const policies = program.command("policy").description("look at policies");
policies
  .command("check")
  .description("say whether policy files are valid, and where they are not")
  .argument("[file...]", "policy files (those in policies/ if none is named)")
  .addOption(json())
  .action(async (files: string[], options: { json?: true }) => {
    const { policyCheckCommand } = await import("./commands/policy.ts");
    process.exitCode = await policyCheckCommand(files, options);
  });
policies
  .command("schema")
  .description("print the JSON Schema of policies, for editors")
  .action(async () => {
    const { policySchemaCommand } = await import("./commands/policy.ts");
    process.exitCode = policySchemaCommand();
  });

program
  .command("reap")
  .description("remove what gateways that died have left: containers, networks, rules, mounts")
  .option("--dry-run", "only tell what would be removed")
  .addOption(json())
  .action(async (options: { dryRun?: true; json?: true }) => {
    const { reapCommand } = await import("./commands/reap.ts");
    process.exitCode = await reapCommand(options);
  });

const image = program.command("image").description("sandbox images");
image
  .command("build")
  .description("build the sandbox image from the Debian archive")
  .argument("[persona]", "which one", "debian-12")
  .option("--force", "also when it is there already")
  .addOption(json())
  .action(async (persona: string, options: { force?: true; json?: true }) => {
    const { imageBuildCommand } = await import("./commands/image.ts");
    process.exitCode = await imageBuildCommand(persona, options);
  });

await run();

async function run(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = told(error);
  }
}

/** Says what went wrong in one sentence with its remedy, and gives the exit code. */
function told(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof MitsubakoError) {
    process.stderr.write(`mitsubako: ${error.message}${error.remedy ? ` ${error.remedy}` : ""}\n`);
    if (process.env["MITSUBAKO_LOG"] === "debug") console.error(error);
    return ERROR_CODES[error.code].exit;
  }
  console.error("mitsubako: a defect of ours; please report it with what follows.", error);
  return 2;
}
