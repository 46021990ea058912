import type { Command } from "commander";
import { MitsubakoError } from "../model/errors.ts";
import { dataOption } from "./common-options.ts";
import { addFilterOptions, type FilterOptions } from "./filter-options.ts";
import { givenPath } from "./paths.ts";

interface Given extends FilterOptions {
  readonly data: string;
  readonly format: string;
  readonly output?: string;
  readonly channel?: number;
  readonly input?: true;
  readonly redact?: string;
  readonly stix?: true;
  readonly tlp?: string;
}

/** Tells commander of `export`. @param finder gives what finds a recording in a data folder. */
export function addExportCommand(
  program: Command,
  finder: (folder: string) => Promise<(session: string) => Promise<string>>,
): void {
  const command = program
    .command("export")
    .description("write a session in a form that other programs read, or many as STIX")
    .argument("[session...]", "its id, the beginning of one, or a recording's path; with --stix any number")
    .addOption(dataOption())
    .option("-f, --format <name>", "docs/export.md has them all, each with what it loses", "asciicast")
    .option(
      "-o, --output <path>",
      "a file, or for some a folder, that is not there yet; - for standard output",
    )
    .option("--channel <n>", "this channel", Number)
    .option("--input", "what was typed, too, where a format would leave it out")
    .option("--redact <what>", "credentials: leave them out")
    .option("--stix", "a STIX 2.1 bundle of these sessions, or of those that the filters below name")
    .option("--tlp <colour>", "with --stix: mark it white, green, amber or red");
  addFilterOptions(command).action(async (sessions: string[], { stix, data, ...options }: Given) => {
    if (stix === true) {
      const { exportStixCommand } = await import("./export-stix.ts");
      process.exitCode = await exportStixCommand(sessions, { ...options, data: givenPath(data) });
      return;
    }
    const [session, ...others] = sessions;
    if (session === undefined || others.length > 0)
      throw new MitsubakoError("bad-usage", "This format takes one session.", {
        remedy: "Name one, or write --stix for a bundle of many.",
      });
    const { exportCommand } = await import("../replay/export/export.ts");
    process.exitCode = await exportCommand({ session, ...options }, process, await finder(data));
  });
}
