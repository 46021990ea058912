import type { Command } from "commander";
import { dataOption, jsonOption } from "./common-options.ts";
import { givenPath } from "./paths.ts";

/** Tells commander of the commands that tell what strangers did: `show`, `links` and `report`. Each command's code is loaded when it is called. */
export function addTellingCommands(program: Command): void {
  program
    .command("show")
    .description("tell one session as a short story")
    .argument("<session>", "its id, or the beginning of one")
    .addOption(dataOption())
    .option("--full", "all of the story; else what fits on a screen")
    .addOption(jsonOption())
    .action(async (session: string, options: { data: string; full?: true; json?: true }) => {
      const { showCommand } = await import("./show.ts");
      process.exitCode = await showCommand(session, { ...options, data: givenPath(options.data) });
    });

  program
    .command("links")
    .description("tell what belongs together with a session, a source, a file or a key, and why")
    .argument("<about>", "a session's id, an address, a file's SHA-256, a key's fingerprint (SHA256:…)")
    .addOption(dataOption())
    .option("--limit <n>", "at most so many", "20")
    .addOption(jsonOption())
    .action(async (about: string, options: { data: string; limit: string; json?: true }) => {
      const { linksCommand } = await import("./links.ts");
      process.exitCode = await linksCommand(about, { ...options, data: givenPath(options.data) });
    });

  program
    .command("report")
    .description("sum up what happened, in Markdown or JSON")
    .addOption(dataOption())
    .option("--since <time>", "from then on: 24h, 7d, yesterday, 2026-11-23 or 2026-11-23T02:15 (UTC)", "24h")
    .option("--until <time>", "until then; of a day, until its end")
    .option("--top <n>", "rows of each list", "20")
    .addOption(jsonOption())
    .action(async (options: { data: string; since: string; until?: string; top: string; json?: true }) => {
      const { reportCommand } = await import("./report.ts");
      process.exitCode = await reportCommand({ ...options, data: givenPath(options.data) });
    });
}
