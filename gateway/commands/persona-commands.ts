import { Option, type Command } from "commander";
import { dataOption, jsonOption } from "./common-options.ts";
import type { PersonaLearnOptions } from "./persona-learn.ts";

export function addPersonaCommands(program: Command): void {
  program
    .command("persona")
    .description("the servers that the gateway can pretend to be")
    .command("learn")
    .description("ask a server of yours what it says of itself, and make it a persona that a policy can name")
    .argument(
      "<host:port>",
      "where it listens; it is asked as by any client, on five connections, seven at most",
    )
    .requiredOption("--name <name>", "what the persona is to be called")
    .option("--image <persona>", "the shipped persona whose sandbox strangers land in", "debian-12")
    .option("--user <name>", "log in, to hear what it says after that")
    .addOption(
      new Option("--password <text>", "for --user; others on this machine can see it unless it is in").env(
        "MITSUBAKO_PERSONA_PASSWORD",
      ),
    )
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async (server: string, options: PersonaLearnOptions) => {
      const { personaLearnCommand } = await import("./persona-learn.ts");
      process.exitCode = await personaLearnCommand(server, options);
    });
}
