import { createReadStream, statSync } from "node:fs";
import { join } from "node:path";
import { segmentName, segmentsIn } from "../model/spool.ts";
import { EVENT_FILE, rotatedFiles } from "./sink-file.ts";

/**
 * For each of these sessions, the sequence number of the last event that stands in a folder's event files; sessions without one
 * are missing. With it a writer that was killed goes on where it was.
 *
 * @param since files last written before this time (milliseconds since 1970) are not read.
 */
export async function lastWritten(
  folder: string,
  sessions: ReadonlySet<string>,
  since: number,
): Promise<Map<string, number>> {
  return lastIn(
    [...rotatedFiles(folder), EVENT_FILE].map((name) => join(folder, name)),
    sessions,
    since,
  );
}

/**
 * As `lastWritten`, of what went into the spool: what stands there, and what stands in the event files, which are written after it. What
 * the receiver has taken already stands in these alone.
 *
 * @param written of the same sessions.
 */
export async function lastSpooled(
  spool: string,
  sessions: ReadonlySet<string>,
  since: number,
  written: ReadonlyMap<string, number>,
): Promise<Map<string, number>> {
  const paths = segmentsIn(spool).map((segment) => join(spool, segmentName(segment)));
  const last = await lastIn(paths, sessions, since);
  for (const [session, sequence] of written) last.set(session, Math.max(last.get(session) ?? -1, sequence));
  return last;
}

async function lastIn(
  paths: readonly string[],
  sessions: ReadonlySet<string>,
  since: number,
): Promise<Map<string, number>> {
  const last = new Map<string, number>();
  if (sessions.size === 0) return last;
  for (const path of paths) {
    const modified = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (modified === undefined || modified < since) continue;
    for await (const head of lineHeads(path)) {
      const [, session, sequence] = EVENT_HEAD.exec(head) ?? [];
      if (session === undefined || !sessions.has(session)) continue;
      last.set(session, Math.max(last.get(session) ?? -1, Number(sequence)));
    }
  }
  return last;
}

/** The order in which EventEnvelope writes its fields; nothing a stranger sent stands before them. */
const EVENT_HEAD =
  /^\{"eventid":"cowrie\.[a-z._-]+","timestamp":"[^"]*","session":"([0-9a-f]{12})","mitsubako_sequence":(\d+),/;
const HEAD = 256;

/** The first bytes of each whole line, in bounded memory however long the lines are. */
async function* lineHeads(path: string): AsyncGenerator<string, void, undefined> {
  let head = "";
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      yield head + chunk.toString("latin1", start, Math.min(end, start + HEAD));
      head = "";
      start = end + 1;
    }
    if (head.length < HEAD) head += chunk.toString("latin1", start, Math.min(chunk.length, start + HEAD));
  }
}
