import { liveRecordings, recordings, type FoundRecording } from "../index/find-recording.ts";
import type { SessionFilter } from "../index/filter.ts";
import type { Match } from "../index/matches.ts";
import { IndexReader } from "../index/query.ts";
import type { SessionRow } from "../index/rows.ts";
import { escapeText } from "../model/bytes.ts";
import { count, type Output } from "./human.ts";

export interface FoundSession {
  readonly row: SessionRow;
  /** The texts by which it was found, where they were asked for. */
  readonly matches: readonly Match[];
}

/**
 * The sessions that a filter names, the most recent first: from the index, and from live recordings that it does not know yet; from
 * the recordings alone where there is no index. Says so where the index does not hold everything.
 */
export async function findSessions(
  dataFolder: string,
  filter: SessionFilter,
  output: Output,
  want: "matches" | "rows",
): Promise<FoundSession[]> {
  using index = IndexReader.open(dataFolder);
  const unknown = [...once(index === undefined ? recordings(dataFolder) : unknownLive(dataFolder, index))];
  if (index === undefined)
    output.stderr.write(
      `There is no index, or one of another version; reading ${count(unknown.length, "recording")} (the gateway makes one when it starts).\n`,
    );
  else tellWaiting(index.waiting(), output);
  using others = await readAll(dataFolder, unknown, output);
  const found = new Map<string, FoundSession>();
  // The index comes last: it may know by now what it did not know.
  for (const reader of [others, index])
    for (const row of reader?.sessions(filter) ?? [])
      found.set(row.id, {
        row,
        matches: want === "matches" ? (reader?.matches(row.id, filter.texts ?? []) ?? []) : [],
      });
  return [...found.values()]
    .sort(({ row: one }, { row: other }) => other.started - one.started || (one.id < other.id ? 1 : -1))
    .slice(0, filter.limit);
}

/** Reading recordings takes much code, which is loaded only where there are some to read. */
async function readAll(
  dataFolder: string,
  found: readonly FoundRecording[],
  output: Output,
): Promise<IndexReader | undefined> {
  if (found.length === 0) return undefined;
  const { readIntoMemory } = await import("../index/in-memory.ts");
  return await readIntoMemory(dataFolder, found, (problem) => {
    output.stderr.write(`${escapeText(problem)}\n`);
  });
}

/** Says so where an index does not hold everything. */
export function tellWaiting(waiting: number | undefined, output: Output): void {
  if (waiting === 0) return;
  const what = waiting === undefined ? "recordings are" : count(waiting, "recording");
  output.stderr.write(
    `The index is not whole: ${what} still to be taken in. The gateway does that while it runs; its log names those it cannot read.\n`,
  );
}

function* unknownLive(dataFolder: string, index: IndexReader): Generator<FoundRecording> {
  for (const recording of liveRecordings(dataFolder))
    if (index.session(recording.session) === undefined) yield recording;
}

/** One that was moved while this looked is there once, as it was found last. */
function once(found: Iterable<FoundRecording>): Iterable<FoundRecording> {
  return new Map([...found].map((recording) => [recording.session, recording])).values();
}
