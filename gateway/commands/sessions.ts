import { dirname, join } from "node:path";
import { readEvidence } from "../evidence/read.ts";
import { readCapture } from "../index/captures.ts";
import { recordings } from "../index/find-recording.ts";
import { IndexReader, type SessionFilter } from "../index/query.ts";
import { rowOf, type SessionRow } from "../index/rows.ts";
import { showable, toByteString } from "../model/bytes.ts";
import { showMicros } from "../model/timestamps.ts";
import { asJson } from "./as-json.ts";
import {
  absoluteTime,
  cut,
  parseLimit,
  parseSince,
  relativeTime,
  span,
  table,
  TERMINAL,
  type Output,
} from "./human.ts";
import { jsonText } from "../model/json.ts";

export interface SessionsOptions {
  readonly data: string;
  readonly json?: boolean;
  readonly since?: string;
  readonly user?: string;
  readonly source?: string;
  readonly command?: string;
  readonly limit?: string;
}

/** `mitsubako sessions`: who came, most recent first. Exit code 0 also when nobody did. */
export async function sessionsCommand(options: SessionsOptions, output = TERMINAL): Promise<number> {
  const filter: SessionFilter = {
    since: options.since === undefined ? undefined : parseSince(options.since, output.now()),
    user: options.user,
    source: options.source,
    command: options.command,
    limit: parseLimit(options.limit ?? "50"),
  };
  const rows = await listSessions(options.data, filter, output);
  if (options.json === true) {
    for (const row of rows) output.stdout.write(`${jsonText(asJson(jsonRow(row)))}\n`);
    return 0;
  }
  if (rows.length === 0) output.stderr.write("No sessions.\n");
  else output.stdout.write(asTable(rows, output.now()));
  if (rows.length === filter.limit)
    output.stderr.write(
      `The ${rows.length} most recent; --limit shows more, --since, --user, --source, --command fewer.\n`,
    );
  return 0;
}

/** From the index, and from live recordings that it does not know yet; from the recordings alone where there is no index. */
async function listSessions(
  dataFolder: string,
  filter: SessionFilter,
  output: Output,
): Promise<SessionRow[]> {
  using index = IndexReader.open(dataFolder);
  if (index === undefined) {
    output.stderr.write(
      "There is no index; reading the recordings (the gateway makes one when it starts).\n",
    );
    return await fromRecordings(dataFolder, filter, () => true);
  }
  const live = await fromRecordings(
    dataFolder,
    filter,
    (recording) => recording.live && index.session(recording.session) === undefined,
  );
  const rows = [...live, ...index.sessions(filter)].sort((a, b) => b.started - a.started);
  return rows.slice(0, filter.limit);
}

async function fromRecordings(
  dataFolder: string,
  filter: SessionFilter,
  wanted: (recording: { session: string; live: boolean }) => boolean,
): Promise<SessionRow[]> {
  const rows: SessionRow[] = [];
  const byId = new Map([...recordings(dataFolder)].filter(wanted).map((one) => [one.session, one]));
  for (const { path, live } of byId.values()) {
    const { evidence, state } = await readEvidence(join(dataFolder, path));
    const capture = live ? undefined : await readCapture(dataFolder, dirname(path));
    const files = capture?.changes.filter(({ type }) => type !== "directory").length ?? 0;
    const row = rowOf(path, live ? "live" : state, evidence.summary, files);
    if (row === undefined || !matches(row, filter)) continue;
    const part = filter.command === undefined ? undefined : toByteString(Buffer.from(filter.command));
    if (
      part !== undefined &&
      !evidence.observations.some((one) => one.kind === "command" && one.text.includes(part))
    )
      continue;
    rows.push(row);
  }
  return rows.sort((a, b) => b.started - a.started).slice(0, filter.limit);
}

function matches(row: SessionRow, { since, user, source }: SessionFilter): boolean {
  return (
    (since === undefined || row.started >= since) &&
    (user === undefined || globMatches(toByteString(Buffer.from(user)), row.user ?? "")) &&
    (source === undefined || globMatches(source, row.sourceAddress))
  );
}

/** As the index does it, with `*` and `?`. */
function globMatches(glob: string, text: string): boolean {
  const pattern = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*+/g, "[^]*")
    .replaceAll("?", "[^]");
  return new RegExp(`^${pattern}$`).test(text.slice(0, 4096));
}

function asTable(rows: readonly SessionRow[], now: number): string {
  return table(
    [
      "SESSION",
      "STARTED (UTC)",
      "",
      "SOURCE",
      "LOGIN",
      "CLIENT",
      "LASTED",
      "CHANNELS",
      "COMMANDS",
      "FILES",
      "END",
    ],
    rows.map((row) => [
      row.id,
      absoluteTime(row.started),
      relativeTime(row.started, now),
      row.sourceAddress,
      cut(login(row), 40),
      cut(row.clientVersion === undefined ? "" : showable(row.clientVersion).replace(/^SSH-2\.0-/, ""), 28),
      row.state === "live" ? span((now * 1000 - row.started) / 1e6) : span(row.duration / 1e6),
      String(row.channels),
      String(row.commands),
      String(row.files),
      ending(row),
    ]),
  );
}

function login({ user, password, method, loggedIn, attempts }: SessionRow): string {
  if (user === undefined) return "-";
  const secret = method === "publickey" ? "(key)" : password === undefined ? "" : showable(password);
  const said = `${showable(user)} / ${secret}`;
  if (loggedIn) return said;
  return attempts > 1 ? `refused ×${attempts}: ${said}` : `refused: ${said}`;
}

function ending({ state, endReason }: SessionRow): string {
  switch (state) {
    case "live":
      return "LIVE";
    case "ended":
      return endReason ?? "ended";
    case "cut":
      return "cut off";
    case "damaged":
      return "damaged";
    default:
      return state satisfies never;
  }
}

function jsonRow(row: SessionRow): Record<string, unknown> {
  return { ...row, started: showMicros(row.started), duration: row.duration / 1e6 };
}
