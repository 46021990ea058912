import type { SessionFilter, TextCondition } from "./filter.ts";
import { all, joined, sql, type Ask, type Sql } from "./sql.ts";
import { isOfFiles, sessionHas, sessionTried, textsThatAre } from "./text-conditions.ts";

/**
 * The ids of the sessions that a filter names, the most recent first.
 *
 * SQLite without statistics cannot know that one of two conditions is rare, so it is asked: of each condition, how many rows its own index
 * gives, up to a bound. A rare one leads: its sessions are looked at, and sorted. Where all are frequent, enough sessions are
 * likely to be found among the last that came. Only if they are not, the rarest leads all the same, though it is not rare.
 */
export function selectSessions(ask: Ask, filter: SessionFilter, bounds = BOUNDS): string[] {
  const conditions = conditionsOf(ask, filter);
  const ids = (question: Sql) => ask(question).map(({ id }) => String(id));
  const limit = filter.limit ?? -1;
  const within = time("sessions.started_us", filter);
  const hold = all([time("+sessions.started_us", filter), ...conditions.map(({ holds }) => holds)]);
  const led = ({ ids: leading }: Lead) =>
    ids(sql`SELECT sessions.id FROM sessions WHERE sessions.id IN (${leading}) AND ${hold}
      ORDER BY +sessions.started_us DESC, sessions.id DESC LIMIT ${limit}`);
  const walked = (where: Sql) =>
    ids(sql`SELECT sessions.id FROM sessions INDEXED BY sessions_started WHERE ${where} AND ${hold}
      ORDER BY sessions.started_us DESC, sessions.id DESC LIMIT ${limit}`);

  const leads = conditions.flatMap(({ lead }) => lead ?? []);
  const [only] = leads;
  if (conditions.length === 1 && only?.recent !== undefined) {
    const { from, where, by } = only.recent;
    return ids(sql`SELECT sessions.id FROM ${from} WHERE ${where} ORDER BY ${by} LIMIT ${limit}`);
  }
  const rare = rarestOf(ask, leads, bounds.few);
  if (rare !== undefined) return led(rare);

  const [edge] =
    ask(sql`SELECT sessions.started_us AS at FROM sessions INDEXED BY sessions_started WHERE ${within}
    ORDER BY sessions.started_us DESC LIMIT 1 OFFSET ${bounds.recent}`);
  if (edge === undefined || leads.length === 0) return walked(within);
  const found = walked(sql`sessions.started_us >= ${edge["at"] ?? 0} AND ${within}`);
  if (found.length === limit) return found;
  const rarest = rarestOf(ask, leads, bounds.many);
  return rarest === undefined ? walked(within) : led(rarest);
}

/** Chosen on 100,000 sessions, of which each takes some microseconds to look at. */
export const BOUNDS = {
  /** Fewer rows than this are rare, and looked at without more ado. */
  few: 1000,
  /** So many of the last sessions are looked at before anything else is tried. */
  recent: 2000,
  /** Half of all sessions or more: then any walk is as good. */
  many: 50_000,
};

/** The one with the fewest rows, if those are fewer than the bound. */
function rarestOf(ask: Ask, leads: readonly Lead[], bound: number): Lead | undefined {
  let rarest: Lead | undefined;
  let least = bound;
  for (const lead of leads) {
    if (least === 0) return rarest;
    const [row] = ask(sql`SELECT count(*) AS n FROM (SELECT 1 FROM (${lead.ids}) LIMIT ${least})`);
    const rows = Number(row?.["n"]);
    if (rows >= least) continue;
    rarest = lead;
    least = rows;
  }
  return rarest;
}

interface Condition {
  /** Whether the row of `sessions` at hand is so. Pluses keep SQLite from walking along a column's index where another condition leads. */
  readonly holds: Sql;
  /** Absent: it is only ever looked at beside another. */
  readonly lead?: Lead;
}

interface Lead {
  /** Ids of sessions that are so, looked up. */
  readonly ids: Sql;
  /** The same sessions, and each once, as an index gives them by time. */
  readonly recent?: { readonly from: Sql; readonly where: Sql; readonly by: Sql };
}

function conditionsOf(ask: Ask, filter: SessionFilter): Condition[] {
  const { source, texts = [], credential, loggedIn, live, profile, typist, minDuration } = filter;
  const conditions: Condition[] = texts.map((condition) => ofText(ask, condition, filter));
  if (source !== undefined) {
    const { from, to } = source;
    conditions.push(
      from.equals(to)
        ? byTime("source_key", sql`= ${from}`, filter)
        : ofColumn("source_key", sql`BETWEEN ${from} AND ${to}`, filter),
    );
  }
  if (credential !== undefined)
    conditions.push({ holds: sessionTried(credential.user, credential.password) });
  if (loggedIn !== undefined) conditions.push(byTime("logged_in", sql`= ${Number(loggedIn)}`, filter));
  if (loggedIn === false) conditions.push({ holds: sql`sessions.attempts > 0` });
  if (live === true) conditions.push(ofColumn("state", sql`= 'live'`, filter));
  if (profile !== undefined) conditions.push(byTime("profile", sql`= ${profile}`, filter));
  if (typist !== undefined) conditions.push(ofTypist(typist, filter));
  if (minDuration !== undefined) conditions.push(ofColumn("duration_us", sql`>= ${minDuration}`, filter));
  return conditions;
}

function ofText(ask: Ask, condition: TextCondition, filter: SessionFilter): Condition {
  const { from, where } = textsThatAre(ask, condition);
  const within = time("mentions.started_us", filter);
  const ids = [
    sql`SELECT mentions.session AS id FROM ${from} CROSS JOIN mentions ON mentions.text = texts.id WHERE ${where} AND ${within}`,
  ];
  if (isOfFiles(condition)) {
    const found = sql`FROM ${from} CROSS JOIN findings ON findings.text = texts.id`;
    ids.push(
      sql`SELECT findings.cause ${found} WHERE ${where}`,
      sql`SELECT stays.session ${found} CROSS JOIN stays ON stays.cause = findings.cause WHERE ${where}`,
    );
  }
  const lead = { ids: joined(ids, " UNION ALL ") };
  const holds = sessionHas(condition);
  const [kind] = condition.kinds;
  if (condition.how !== "is" || condition.kinds.length !== 1 || kind === undefined || isOfFiles(condition))
    return { holds, lead };
  // One text: its mentions are in the order of time.
  const recent = {
    from: sql`mentions CROSS JOIN sessions ON sessions.id = mentions.session`,
    where: sql`mentions.text = (SELECT texts.id FROM texts WHERE ${where}) AND ${within}`,
    by: sql`mentions.started_us DESC, mentions.session DESC`,
  };
  return { holds, lead: { ...lead, recent } };
}

function ofTypist(typist: string, filter: SessionFilter): Condition {
  const is = sql`traits.typist = ${typist}`;
  return {
    holds: sql`EXISTS (SELECT 1 FROM traits WHERE traits.session = sessions.id AND ${is})`,
    lead: {
      ids: sql`SELECT sessions.id FROM traits INDEXED BY traits_typist CROSS JOIN sessions ON sessions.id = traits.session
        WHERE ${is} AND ${time("sessions.started_us", filter)}`,
    },
  };
}

function ofColumn(column: IndexedColumn, comparison: Sql, filter: SessionFilter): Condition & { lead: Lead } {
  const where = sql`${raw(`sessions.${column}`)} ${comparison} AND ${time("sessions.started_us", filter)}`;
  return {
    holds: sql`${raw(`+sessions.${column}`)} ${comparison}`,
    lead: { ids: sql`SELECT sessions.id FROM sessions WHERE ${where}` },
  };
}

/** For a column whose index has the sessions of one value by time. */
function byTime(column: IndexedColumn, comparison: Sql, filter: SessionFilter): Condition {
  const { holds, lead } = ofColumn(column, comparison, filter);
  const where = sql`${raw(`sessions.${column}`)} ${comparison} AND ${time("sessions.started_us", filter)}`;
  const by = sql`sessions.started_us DESC, sessions.id DESC`;
  return { holds, lead: { ...lead, recent: { from: sql`sessions`, where, by } } };
}

type IndexedColumn = "source_key" | "logged_in" | "state" | "profile" | "duration_us";

function raw(text: string): Sql {
  return { text, values: [] };
}

function time(column: string, { since, until }: SessionFilter): Sql {
  const bounds: Sql[] = [];
  if (since !== undefined) bounds.push(sql`${raw(column)} >= ${since}`);
  if (until !== undefined) bounds.push(sql`${raw(column)} <= ${until}`);
  return all(bounds);
}
