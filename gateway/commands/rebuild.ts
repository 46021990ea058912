import { existsSync } from "node:fs";
import { join } from "node:path";
import { rebuild } from "../archivist/rebuild.ts";
import { rebuildIndex } from "../index/rebuild.ts";
import { escapeText } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import { jsonText } from "../model/json.ts";
import { openDataFolder } from "../warden/data-folder.ts";
import { givenPath } from "./paths.ts";

export interface RebuildCommandOptions {
  readonly data: string;
  /** Where the events go, which must not be there yet; without it none are made. */
  readonly events?: string;
  readonly json?: true;
}

/**
 * `mitsubako rebuild`: index and events from recordings and captures alone. Resolves to the exit code: 1 when a recording could not be
 * read; the others are in.
 *
 * @throws MitsubakoError `not-found`, `bad-usage`, `data-in-use`, `data-unusable`.
 */
export async function rebuildCommand(options: RebuildCommandOptions): Promise<number> {
  const folder = givenPath(options.data);
  if (!existsSync(join(folder, "recordings")))
    throw new MitsubakoError("not-found", `There are no recordings in ${folder}.`, {
      remedy: "--data takes the data folder of a gateway.",
    });
  const events = options.events === undefined ? undefined : givenPath(options.events);
  if (events !== undefined && existsSync(events))
    throw new MitsubakoError("bad-usage", `${events} is there already; rebuild writes over nothing.`, {
      remedy: "--events takes the name of a new folder.",
    });
  // As long as this holds it, no gateway works on it.
  await using data = await openDataFolder(folder);
  const context = { uuid: data.identity.uuid, arch: `linux-${process.arch}-lsb` };
  const rebuilt =
    events === undefined
      ? await rebuildIndex(data.path)
      : await rebuild(data.path, { context, eventsFolder: events, rotateAt: Infinity });
  const { sessions, captures, problems } = rebuilt;
  for (const problem of problems) process.stderr.write(`${escapeText(problem)}\n`);
  process.stdout.write(
    options.json
      ? `${jsonText({ sessions, captures, problems: problems.length, ...(events && { events }) })}\n`
      : `The index has ${sessions} sessions and ${captures} captures${events === undefined ? "" : `; their events are in ${events}`}.\n`,
  );
  return problems.length > 0 ? 1 : 0;
}
