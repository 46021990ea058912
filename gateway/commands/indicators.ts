import {
  INDICATOR_KINDS,
  isIndicatorKind,
  type Cite,
  type Indicator,
} from "../evidence/indicators/indicator.ts";
import { recordings } from "../index/find-recording.ts";
import { selectIndicators, type IndicatorFilter, type IndicatorRow } from "../index/indicators.ts";
import { IndexReader } from "../index/query.ts";
import { escapeText, showable } from "../model/bytes.ts";
import { MitsubakoError } from "../model/errors.ts";
import { jsonText } from "../model/json.ts";
import { showMicros } from "../model/timestamps.ts";
import { asJson } from "./as-json.ts";
import { absoluteTime, count, cut, parseLimit, parseTime, table, TERMINAL, type Output } from "./human.ts";
import { tellWaiting } from "./find-sessions.ts";
import { jsonIndicator } from "./indicator-json.ts";
import { indicatorCondition } from "./parse-filter.ts";
import { readSession } from "./show.ts";

export interface IndicatorsOptions {
  readonly data: string;
  readonly json?: boolean;
  readonly since?: string;
  readonly until?: string;
  /** Names of kinds, apart by commas. */
  readonly kind?: string;
  readonly limit?: string;
  /** Those of this session, each with where it was seen. */
  readonly session?: string;
}

/** `mitsubako indicators [VALUE]`: what strangers left that can be looked for elsewhere. Exit code 0 also where there is none. */
export async function indicatorsCommand(
  value: string | undefined,
  options: IndicatorsOptions,
  output = TERMINAL,
): Promise<number> {
  const filter = filterOf(value, options, output.now());
  if (options.session !== undefined) return await ofSession(options.session, filter, options, output);
  using index = await indexOf(options.data, output);
  const rows = selectIndicators(index.ask, filter);
  if (options.json === true) {
    for (const row of rows) output.stdout.write(`${jsonText(asJson(jsonRow(row)))}\n`);
    return 0;
  }
  if (rows.length === 0) output.stderr.write("No indicators.\n");
  else output.stdout.write(asTable(rows));
  if (rows.length === filter.limit)
    output.stderr.write(
      `The ${rows.length} that were seen last; --limit shows more, --since, --until and --kind fewer.\n`,
    );
  return 0;
}

function filterOf(value: string | undefined, options: IndicatorsOptions, now: number): IndicatorFilter {
  const { since, until, kind, limit = "100" } = options;
  const kinds = kind === undefined ? INDICATOR_KINDS : kind.split(",").map((name) => kindNamed(name.trim()));
  return {
    kinds,
    since: since === undefined ? undefined : parseTime(since, now, "--since", "first"),
    until: until === undefined ? undefined : parseTime(until, now, "--until", "last"),
    value: value === undefined ? undefined : indicatorCondition(value),
    limit: parseLimit(limit),
  };
}

function kindNamed(name: string) {
  if (isIndicatorKind(name)) return name;
  throw new MitsubakoError("bad-usage", `There is no kind ${escapeText(name)} of indicators.`, {
    remedy: `--kind takes ${INDICATOR_KINDS.join(", ")}.`,
  });
}

/** Where there is no index, one is made in memory, and means the same. */
async function indexOf(dataFolder: string, output: Output): Promise<IndexReader> {
  const index = IndexReader.open(dataFolder);
  if (index !== undefined) {
    tellWaiting(index.waiting(), output);
    return index;
  }
  const all = [...recordings(dataFolder)];
  output.stderr.write(
    `There is no index, or one of another version; reading ${count(all.length, "recording")} (the gateway makes one when it starts).\n`,
  );
  const { readIntoMemory } = await import("../index/in-memory.ts");
  return await readIntoMemory(dataFolder, all, (problem) => {
    output.stderr.write(`${escapeText(problem)}\n`);
  });
}

async function ofSession(
  session: string,
  { kinds, limit }: IndicatorFilter,
  { data, json }: IndicatorsOptions,
  output: Output,
): Promise<number> {
  const { indicators } = await readSession(data, session);
  const shown = indicators.filter(({ kind }) => kinds.includes(kind)).slice(0, limit);
  if (json === true)
    for (const one of shown) output.stdout.write(`${jsonText(asJson(jsonIndicator(one)))}\n`);
  else if (shown.length === 0) output.stderr.write("No indicators.\n");
  else output.stdout.write(table(["KIND", "VALUE", "SEEN IN"], shown.map(sessionRow)));
  return 0;
}

function sessionRow({ kind, value, cites }: Indicator): string[] {
  const more = cites.length > MOST_SEEN ? `, and ${cites.length - MOST_SEEN} more` : "";
  return [kind, cut(showable(value), 120), `${cites.slice(0, MOST_SEEN).map(placeOf).join(", ")}${more}`];
}

function placeOf(cite: Cite): string {
  if ("late" in cite) return `afterwards, ${absoluteTime(cite.late)}`;
  return "path" in cite
    ? cut(showable(cite.path), 80)
    : `entry ${cite.entry} (+${(Number(cite.at) / 1e9).toFixed(1)} s)`;
}

function asTable(rows: readonly IndicatorRow[]): string {
  return table(
    ["KIND", "FIRST SEEN (UTC)", "LAST SEEN (UTC)", "SESSIONS", "SOURCES", "VALUE"],
    rows.map(({ kind, value, firstSeen, lastSeen, sessions, sources }) => [
      ...[kind, absoluteTime(firstSeen), absoluteTime(lastSeen), String(sessions), String(sources)],
      cut(showable(value), 200),
    ]),
  );
}

function jsonRow(row: IndicatorRow): object {
  return { ...row, firstSeen: showMicros(row.firstSeen), lastSeen: showMicros(row.lastSeen) };
}

const MOST_SEEN = 3;
