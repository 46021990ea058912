import type { Command } from "commander";
import { dataOption, jsonOption } from "./common-options.ts";
import { givenPath } from "./paths.ts";

/** Tells commander of `indicators`. */
export function addIndicatorsCommand(program: Command): void {
  program
    .command("indicators")
    .description(
      "list what strangers left that can be looked for elsewhere: URLs, hosts, hashes, wallets, keys, ...",
    )
    .argument("[value]", "only this one; * and ? stand for any text and any character")
    .addOption(dataOption())
    .option("--since <time>", "only what was seen since then: 2h, 3d, today, or a date")
    .option("--until <time>", "only what was seen until then")
    .option("--kind <names>", "only of these kinds (docs/evidence.md), apart by commas")
    .option("--session <id>", "those of one session, with where each was seen")
    .option("--limit <n>", "at most so many", "100")
    .addOption(jsonOption())
    .action(async (value: string | undefined, options: { data: string }) => {
      const { indicatorsCommand } = await import("./indicators.ts");
      process.exitCode = await indicatorsCommand(value, { ...options, data: givenPath(options.data) });
    });
}
