import type { TextCondition } from "../index/filter.ts";
import type { Match } from "../index/matches.ts";
import { folded, stored, type TextKind } from "../index/texts.ts";
import { showable, type ByteString } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import { jsonText } from "../model/json.ts";
import { asJson } from "./as-json.ts";
import type { FilterOptions } from "./filter-options.ts";
import { findSessions, type FoundSession } from "./find-sessions.ts";
import { absoluteTime, cut, relativeTime, TERMINAL } from "./human.ts";
import { parseFilter } from "./parse-filter.ts";
import { ending, jsonRow, login } from "./sessions.ts";

export interface SearchOptions extends FilterOptions {
  readonly data: string;
  readonly json?: boolean;
}

/** Bytes shown before what was found, and in all. */
const BEFORE = 24;
const SHOWN = 100;
/** Texts of one kind that are shown of a session. */
const MOST_OF_A_KIND = 3;

/**
 * `mitsubako search TEXT…`: the sessions in which each of the texts stands somewhere, most recent first, with where. Exit code 0
 * also when there are none.
 */
export async function searchCommand(
  texts: readonly string[],
  options: SearchOptions,
  output = TERMINAL,
): Promise<number> {
  const filter = parseFilter(options, output.now(), texts);
  if (filter.texts.length === 0)
    throw new MitsubakoError("bad-usage", "Nothing was said to look for.", {
      remedy: "Write a TEXT, or a filter such as --command or --indicator.",
    });
  const found = await findSessions(options.data, filter, output, "matches");
  if (options.json === true) {
    for (const { row, matches } of found)
      output.stdout.write(
        `${jsonText({ ...(asJson(jsonRow(row)) as object), matches: matches.map(jsonMatch) })}\n`,
      );
    return 0;
  }
  if (found.length === 0) output.stderr.write("Nothing found.\n");
  output.stdout.write(found.map((session) => asLines(session, filter.texts, output.now())).join(""));
  if (found.length === filter.limit)
    output.stderr.write(
      `The ${found.length} most recent; --limit shows more, --since, --source, --user and others (--help) fewer.\n`,
    );
  return 0;
}

function asLines({ row, matches }: FoundSession, conditions: readonly TextCondition[], now: number): string {
  const { id, started, sourceAddress } = row;
  const head = [id, absoluteTime(started), relativeTime(started, now), sourceAddress, cut(login(row), 60)];
  const lines = [[...head, ending(row)].join("  ")];
  for (const [kind, ofKind] of Map.groupBy(matches, (match) => match.kind)) {
    for (const match of ofKind.slice(0, MOST_OF_A_KIND)) {
      const at = match.at === undefined ? "" : `+${match.at.toFixed(1)} s`;
      lines.push(`  ${NAMES[kind].padEnd(11)} ${at.padStart(10)}  ${excerpt(match, conditions)}`);
    }
    if (ofKind.length > MOST_OF_A_KIND)
      lines.push(`  ${" ".repeat(24)}… ${ofKind.length - MOST_OF_A_KIND} more (--json has them)`);
  }
  return `${lines.join("\n")}\n`;
}

const NAMES = {
  source: "source",
  user: "user",
  password: "password",
  key: "key",
  command: "command",
  typed: "typed",
  file: "file",
  sha256: "SHA-256",
  client: "client",
  hassh: "HASSH",
  forward: "forward",
  network: "network",
  persona: "persona",
  sandbox: "sandbox",
  url: "URL",
  domain: "domain",
  address: "address",
  hash: "hash",
  wallet: "wallet",
  pool: "pool",
  "user-agent": "agent",
  "ssh-key": "SSH key",
  "user-made": "user made",
  "password-changed": "password",
  cron: "cron",
  service: "service",
  startup: "startup",
  preload: "preload",
  sudoers: "sudoers",
  "kernel-module": "module",
  tampering: "tampering",
} as const satisfies Record<TextKind, string>;

/** What stands around the first thing that was looked for, safe for a terminal. */
function excerpt({ text, kind }: Match, conditions: readonly TextCondition[]): string {
  const within = folded(stored(text));
  const places = conditions
    .filter(({ how, kinds }) => how === "part" && kinds.includes(kind))
    .map(({ value }) => within.indexOf(folded(value)))
    .filter((place) => place >= 0);
  const from =
    text.length <= SHOWN ? 0 : boundary(text, Math.max(0, Math.min(...places, text.length) - BEFORE));
  const start = places.length === 0 ? 0 : from;
  const end = boundary(text, start + SHOWN);
  return `${start > 0 ? "…" : ""}${showable(text.slice(start, end) as ByteString)}${end < text.length ? "…" : ""}`;
}

/** The place, or the next one that is not in the middle of a UTF-8 character. */
function boundary(text: string, place: number): number {
  let at = Math.min(place, text.length);
  while (at < text.length && at < place + 3 && (text.charCodeAt(at) & 0xc0) === 0x80) at++;
  return at;
}

function jsonMatch({ kind, text, at }: Match): unknown {
  return { kind, ...(asJson({ text }) as object), ...(at === undefined ? {} : { at }) };
}
