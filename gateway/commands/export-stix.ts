import { Bundle } from "../replay/export/stix/bundle.ts";
import { TLP_NAMES, type Tlp } from "../replay/export/stix/markings.ts";
import { readStixSession } from "../replay/export/stix/stix-session.ts";
import { writeFile, writeOut } from "../replay/export/destination.ts";
import { stopping } from "../replay/stopping.ts";
import { findRecordings, type FoundRecording } from "../index/find-recording.ts";
import { escapeText } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import type { SessionId } from "../model/ids.ts";
import { jsonText } from "../model/json.ts";
import type { FilterOptions } from "./filter-options.ts";
import { findSessions } from "./find-sessions.ts";
import { count } from "./human.ts";
import { parseFilter } from "./parse-filter.ts";

export interface ExportStixOptions extends FilterOptions {
  readonly data: string;
  /** A file that is not there yet; `-` or absent is standard output. */
  readonly output?: string;
  /** white, green, amber or red. */
  readonly tlp?: string;
}

interface Streams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: { write(text: string): unknown };
}

/**
 * `mitsubako export --stix [SESSION...]`: a STIX 2.1 bundle of these sessions, or of those that the filters name. Resolves to the exit code.
 *
 * @throws MitsubakoError `not-found`, `bad-usage`, `disk-full`.
 */
export async function exportStixCommand(
  sessions: readonly string[],
  options: ExportStixOptions,
  { stdout, stderr }: Streams = process,
): Promise<number> {
  const tlp = options.tlp === undefined ? undefined : tlpNamed(options.tlp);
  const now = Date.now();
  const filter = parseFilter(options, now);
  using stop = stopping(stdout);
  const found =
    sessions.length > 0
      ? sessions.map((session) => recordingOf(options.data, session))
      : (await findSessions(options.data, filter, { stdout, stderr, now: () => now }, "rows"))
          .map(({ row: { id, recording, state } }) => ({
            session: id as SessionId,
            path: recording,
            live: state === "live",
          }))
          .reverse();
  const bundle = new Bundle({ tlp });
  for (const recording of found) {
    if (stop.stopped()) return stop.code;
    const session = await readStixSession(options.data, recording);
    if (session === undefined) stderr.write(`${recording.path} does not begin with its session's facts.\n`);
    else bundle.add(session);
  }
  if (bundle.leftOut > 0)
    stderr.write(`${count(bundle.leftOut, "session")} more would be too much for one bundle.\n`);
  if (sessions.length === 0 && found.length === filter.limit)
    stderr.write(`The ${found.length} most recent; --limit takes in more.\n`);
  const pieces = piecesOf(bundle);
  if (options.output === undefined || options.output === "-") await writeOut(pieces, stdout, stop.signal);
  else await writeFile(pieces, options.output, stop.signal);
  return stop.stopped() ? stop.code : 0;
}

/** One object a line, so that two bundles can be compared by lines. */
async function* piecesOf(whole: Bundle): AsyncGenerator<string> {
  const { type, id, objects } = whole.bundle;
  yield `{"type":"${type}","id":"${id}"${objects.length === 0 ? "" : ',"objects":[\n'}`;
  for (const [place, object] of objects.entries()) {
    yield `${place === 0 ? "" : ",\n"}${jsonText(object)}`;
    await Promise.resolve();
  }
  yield objects.length === 0 ? "}\n" : "\n]}\n";
}

function recordingOf(dataFolder: string, session: string): FoundRecording {
  const [found, ...others] = findRecordings(dataFolder, session);
  if (found !== undefined && others.length === 0) return found;
  throw new MitsubakoError(
    "not-found",
    found
      ? `Several sessions begin with ${escapeText(session)}.`
      : `There is no session ${escapeText(session)} in ${dataFolder}.`,
    { remedy: "`mitsubako sessions` lists them." },
  );
}

function tlpNamed(name: string): Tlp {
  const found = TLP_NAMES.find((one) => one === name);
  if (found === undefined)
    throw new MitsubakoError("bad-usage", `There is no marking ${escapeText(name)}.`, {
      remedy: `--tlp takes ${TLP_NAMES.join(", ")}.`,
    });
  return found;
}
