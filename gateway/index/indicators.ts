import type { IndicatorKind } from "../evidence/indicators/indicator.ts";
import type { ByteString } from "../model/bytes.ts";
import type { TextCondition } from "./filter.ts";
import { all, joined, sql, type Ask, type Sql } from "./sql.ts";
import { isSo } from "./text-conditions.ts";
import { given } from "./texts.ts";

export interface IndicatorFilter {
  readonly kinds: readonly IndicatorKind[];
  /** Microseconds since 1970: of the session that told it, or of the capture. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly value?: TextCondition | undefined;
  readonly limit: number;
}

/** An indicator with how often it was met, in the time that was asked about. */
export interface IndicatorRow {
  readonly kind: IndicatorKind;
  readonly value: ByteString;
  /** Microseconds since 1970. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** Sessions that told it, or whose end caused a capture that was the first to tell it. */
  readonly sessions: number;
  /** Different addresses that those came from. */
  readonly sources: number;
}

/** The indicators of these kinds, those that were seen last first. */
export function selectIndicators(ask: Ask, filter: IndicatorFilter): IndicatorRow[] {
  const kinds = sql`texts.kind IN (${joined(
    filter.kinds.map((kind) => sql`${kind}`),
    ", ",
  )})`;
  const where = filter.value === undefined ? kinds : sql`${kinds} AND (${isSo(filter.value)})`;
  return ask(sql`SELECT texts.kind, texts.text, min(seen.at) AS first, max(seen.at) AS last,
      count(DISTINCT seen.session) AS sessions, count(DISTINCT sessions.source_address) AS sources
    FROM (
      SELECT mentions.text, mentions.session, mentions.started_us + mentions.at_ns / 1000 AS at
        FROM texts CROSS JOIN mentions ON mentions.text = texts.id WHERE ${where} AND ${within("mentions.started_us", filter)}
      UNION ALL
      SELECT findings.text, findings.cause, findings.taken_us
        FROM texts CROSS JOIN findings ON findings.text = texts.id WHERE ${where} AND ${within("findings.taken_us", filter)}
    ) AS seen JOIN texts ON texts.id = seen.text LEFT JOIN sessions ON sessions.id = seen.session
    GROUP BY seen.text ORDER BY last DESC, texts.kind, texts.text LIMIT ${filter.limit}`).map((row) => ({
    kind: row["kind"] as IndicatorKind,
    value: given(String(row["text"])),
    firstSeen: Number(row["first"]),
    lastSeen: Number(row["last"]),
    sessions: Number(row["sessions"]),
    sources: Number(row["sources"]),
  }));
}

function within(column: string, { since, until }: IndicatorFilter): Sql {
  const name = { text: column, values: [] };
  return all([
    ...(since === undefined ? [] : [sql`${name} >= ${since}`]),
    ...(until === undefined ? [] : [sql`${name} <= ${until}`]),
  ]);
}
