import { sql, type Ask, type Sql } from "./sql.ts";

/** A session that has a value, with its source. */
export interface Holder {
  readonly session: string;
  readonly source: string;
}

/** Rows of one value that are looked at, the latest first where time is at hand. */
const MOST_HOLDERS = 1000;

/** Who mentions a text. */
export function mentioning(ask: Ask, text: number): Holder[] {
  return holders(
    ask,
    sql`mentions CROSS JOIN sessions ON sessions.id = mentions.session WHERE mentions.text = ${text}
      ORDER BY mentions.started_us DESC, mentions.session DESC`,
  );
}

/** By whose end a text was found in a sandbox. */
export function finding(ask: Ask, text: number): Holder[] {
  return holders(
    ask,
    sql`findings CROSS JOIN sessions ON sessions.id = findings.cause WHERE findings.text = ${text} ORDER BY findings.cause`,
  );
}

/**
 * Who tried a pair; undefined: too many rows to look at, or more sources than `common`, which the first rows of what is everybody's show.
 */
export function trying(ask: Ask, user: number, password: number, common?: number): Holder[] | undefined {
  if (common !== undefined) {
    const first = holders(ask, withPair(user, password), common * ROWS_OF_A_SOURCE);
    if (first.length < common * ROWS_OF_A_SOURCE) return first;
    if (new Set(first.map(({ source }) => source)).size > common) return undefined;
  }
  const [counted] = ask(
    sql`SELECT count(*) AS n FROM (SELECT 1 FROM attempts WHERE password = ${password} AND user = ${user} LIMIT ${MOST_TRIES})`,
  );
  if (Number(counted?.["n"]) >= MOST_TRIES) return undefined;
  return holders(ask, withPair(user, password));
}

function withPair(user: number, password: number): Sql {
  return sql`attempts CROSS JOIN sessions ON sessions.id = attempts.session WHERE attempts.password = ${password}
    AND attempts.user = ${user} ORDER BY attempts.session, attempts.entry`;
}

const ROWS_OF_A_SOURCE = 3;

/** Attempts with one pair; what is tried so often is everybody's. */
const MOST_TRIES = 300;

/** Whose session tried a list, by its digest. */
export function walking(ask: Ask, list: Uint8Array): Holder[] {
  return holders(
    ask,
    sql`traits CROSS JOIN sessions ON sessions.id = traits.session WHERE traits.list = ${list} ORDER BY traits.session`,
  );
}

/** Whose client has both texts; undefined: both have too many rows to look at. */
export function withClient(ask: Ask, hassh: number, version: number): Holder[] | undefined {
  const [rarer, other] = isMentionedOften(ask, hassh) ? [version, hassh] : [hassh, version];
  if (isMentionedOften(ask, rarer)) return undefined;
  return holders(
    ask,
    sql`mentions CROSS JOIN mentions AS others ON others.text = ${other} AND others.started_us = mentions.started_us
        AND others.session = mentions.session
      CROSS JOIN sessions ON sessions.id = mentions.session WHERE mentions.text = ${rarer}
      ORDER BY mentions.started_us DESC, mentions.session DESC`,
  );
}

function isMentionedOften(ask: Ask, text: number): boolean {
  const [counted] = ask(
    sql`SELECT count(*) AS n FROM (SELECT 1 FROM mentions WHERE text = ${text} LIMIT ${MOST_OF_A_CLIENT})`,
  );
  return Number(counted?.["n"]) >= MOST_OF_A_CLIENT;
}

/** Sessions with one kind of client; what is there so often is everybody's. */
const MOST_OF_A_CLIENT = 300;

function holders(ask: Ask, from: Sql, most = MOST_HOLDERS): Holder[] {
  return ask(
    sql`SELECT sessions.id AS session, sessions.source_address AS source FROM ${from} LIMIT ${most}`,
  ).map((row) => ({ session: String(row["session"]), source: String(row["source"]) }));
}
