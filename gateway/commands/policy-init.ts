import { writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { escapeText } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import { policyTemplate } from "../policy/template.ts";
import { givenPath, PROJECT_ROOT, shownPath } from "./paths.ts";

const SCHEMA = join(PROJECT_ROOT, "policies", "policy.schema.json");

/** Writes the annotated template to a new file, or to standard output. Never over a file that is there. */
export async function policyInitCommand(file: string | undefined): Promise<number> {
  if (file === undefined) {
    process.stdout.write(policyTemplate(relative(process.cwd(), SCHEMA)));
    return 0;
  }
  const path = givenPath(file);
  try {
    await writeFile(path, policyTemplate(relative(dirname(path), SCHEMA)), { flag: "wx" });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MitsubakoError("bad-usage", `The template cannot be written to ${path}: ${reason}.`, {
      remedy: "Name a file that is not there yet, in a folder that is.",
      cause: error,
    });
  }
  const shown = escapeText(shownPath(file));
  process.stdout.write(`${shown} is written. Check it with: mitsubako policy check ${shown}\n`);
  return 0;
}
