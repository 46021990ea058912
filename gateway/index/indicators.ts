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

/** The indicators of these kinds, those that were seen last first: of as many as are asked for, those of the latest sessions and captures. */
export function selectIndicators(ask: Ask, filter: IndicatorFilter): IndicatorRow[] {
  const kinds = sql`texts.kind IN (${joined(
    filter.kinds.map((kind) => sql`${kind}`),
    ", ",
  )})`;
  const where = filter.value === undefined ? kinds : sql`${kinds} AND (${isSo(filter.value)})`;
  const mentioned = within("mentions.started_us", filter);
  const captured = within("findings.taken_us", filter);
  // Which ones, by one look into an index for each; only these are counted.
  const chosen = sql`SELECT id, latest FROM (
      SELECT texts.id, texts.kind, texts.text, max(
        ifnull((SELECT max(mentions.started_us) FROM mentions WHERE mentions.text = texts.id AND ${mentioned}), -1),
        ifnull((SELECT max(findings.taken_us) FROM findings WHERE findings.text = texts.id AND ${captured}), -1)
      ) AS latest FROM texts WHERE ${where}
    ) WHERE latest >= 0 ORDER BY latest DESC, kind, text LIMIT ${filter.limit}`;
  return ask(sql`WITH chosen AS MATERIALIZED (${chosen})
    SELECT texts.kind, texts.text, min(seen.at) AS first, max(seen.at) AS last,
      count(DISTINCT seen.session) AS sessions, count(DISTINCT sessions.source_address) AS sources
    FROM (
      SELECT mentions.text, mentions.session, mentions.started_us + mentions.at_ns / 1000 AS at
        FROM chosen CROSS JOIN mentions ON mentions.text = chosen.id WHERE ${mentioned}
      UNION ALL
      SELECT findings.text, findings.cause, findings.taken_us
        FROM chosen CROSS JOIN findings ON findings.text = chosen.id WHERE ${captured}
    ) AS seen JOIN texts ON texts.id = seen.text LEFT JOIN sessions ON sessions.id = seen.session
    GROUP BY seen.text ORDER BY last DESC, texts.kind, texts.text`).map((row) => ({
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
