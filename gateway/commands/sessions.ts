import type { SessionRow } from "../index/rows.ts";
import { showable } from "../model/bytes.ts";
import { jsonText } from "../model/json.ts";
import { showMicros } from "../model/timestamps.ts";
import { asJson } from "./as-json.ts";
import type { FilterOptions } from "./filter-options.ts";
import { findSessions } from "./find-sessions.ts";
import { absoluteTime, cut, DROPPED_PASSWORD, relativeTime, span, table, TERMINAL } from "./human.ts";
import { parseFilter } from "./parse-filter.ts";

export interface SessionsOptions extends FilterOptions {
  readonly data: string;
  readonly json?: boolean;
}

/** `mitsubako sessions`: who came, most recent first. Exit code 0 also when nobody did. */
export async function sessionsCommand(options: SessionsOptions, output = TERMINAL): Promise<number> {
  const filter = parseFilter(options, output.now());
  const found = await findSessions(options.data, filter, output, "rows");
  if (options.json === true) {
    for (const { row } of found) output.stdout.write(`${jsonText(asJson(jsonRow(row)))}\n`);
    return 0;
  }
  if (found.length === 0) output.stderr.write("No sessions.\n");
  else
    output.stdout.write(
      asTable(
        found.map(({ row }) => row),
        output.now(),
      ),
    );
  if (found.length === filter.limit)
    output.stderr.write(
      `The ${found.length} most recent; --limit shows more, --since, --source, --user and others (--help) fewer.\n`,
    );
  return 0;
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

export function login(row: SessionRow): string {
  const { user, loggedIn, attempts } = row;
  if (user === undefined) return "-";
  const secret = shownSecret(row);
  const said = `${showable(user)} / ${secret}`;
  if (loggedIn) return said;
  return attempts > 1 ? `refused ×${attempts}: ${said}` : `refused: ${said}`;
}

function shownSecret({ method, password, passwordDropped }: SessionRow): string {
  if (method === "publickey") return "(key)";
  if (passwordDropped === true) return DROPPED_PASSWORD;
  return password === undefined ? "" : showable(password);
}

export function ending({ state, endReason }: SessionRow): string {
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

export function jsonRow(row: SessionRow): Record<string, unknown> {
  return { ...row, started: showMicros(row.started), duration: row.duration / 1e6 };
}
