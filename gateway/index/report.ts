import type { ByteString } from "../model/bytes.ts";
import { deniedIn, type Denied } from "./report-denied.ts";
import { newArtifactsIn, type NewArtifact } from "./report-artifacts.ts";
import { indicatorsIn } from "./report-indicators.ts";
import type { IndicatorRow } from "./indicators.ts";
import { notableIn, type Notable } from "./report-notable.ts";
import type { ReportWindow } from "./report-window.ts";
import { joined, sql, type Ask, type Sql } from "./sql.ts";
import { given } from "./texts.ts";

export interface Report {
  readonly since: number;
  readonly until: number;
  readonly totals: Totals;
  readonly sources: readonly { source: string; sessions: number; attempts: number; logins: number }[];
  readonly users: readonly Tried[];
  readonly passwords: readonly Tried[];
  readonly pairs: readonly (Tried & { readonly password: ByteString })[];
  readonly clients: readonly {
    readonly hassh?: string;
    readonly version: ByteString;
    readonly sessions: number;
    readonly sources: number;
  }[];
  readonly commands: readonly {
    readonly text: ByteString;
    readonly sessions: number;
    readonly sources: number;
  }[];
  readonly indicators: readonly IndicatorRow[];
  readonly newArtifacts: readonly NewArtifact[];
  readonly denied: readonly Denied[];
  readonly ends: readonly { readonly reason: string; readonly sessions: number }[];
  readonly longest: readonly Notable[];
  readonly notable: readonly Notable[];
}

export interface Totals {
  readonly sessions: number;
  readonly live: number;
  readonly sources: number;
  readonly attempts: number;
  /** Sessions that got in, and from how many sources. */
  readonly logins: number;
  readonly loginSources: number;
  /** That somebody typed in, and that a program did; of the others it cannot be told. */
  readonly typedByHand: number;
  readonly typedByMachine: number;
  readonly commands: number;
  readonly transfers: number;
  readonly forwards: number;
  readonly networkTries: number;
  readonly received: number;
  readonly sent: number;
  readonly sandboxes: number;
  /** New for their source in this time. */
  readonly newSandboxes: number;
}

/** A name or a password. */
export interface Tried {
  readonly text: ByteString;
  readonly attempts: number;
  readonly sources: number;
}

/** What happened in that time. @param top rows of each list. */
export function reportOf(ask: Ask, window: ReportWindow, top: number): Report {
  const within = sql`sessions.started_us >= ${window.since} AND sessions.started_us <= ${window.until}`;
  return {
    ...window,
    totals: totalsIn(ask, within),
    sources: ask(
      sql`SELECT source_address AS source, count(*) AS sessions, sum(attempts) AS attempts, sum(logged_in) AS logins
        FROM sessions WHERE ${within} GROUP BY source_address ORDER BY sessions DESC, source LIMIT ${top}`,
    ).map((row) => ({
      source: String(row["source"]),
      sessions: Number(row["sessions"]),
      attempts: Number(row["attempts"]),
      logins: Number(row["logins"]),
    })),
    users: triedIn(ask, within, ["user"], top),
    passwords: triedIn(ask, within, ["password"], top),
    pairs: triedIn(ask, within, ["user", "password"], top).map((one) => ({
      ...one,
      password: one.password ?? ("" as ByteString),
    })),
    clients: ask(
      sql`SELECT hassh, client_version AS version, count(*) AS sessions, count(DISTINCT source_address) AS sources
        FROM sessions WHERE ${within} AND client_version IS NOT NULL GROUP BY hassh, client_version
        ORDER BY sessions DESC, hassh, version LIMIT ${top}`,
    ).map((row) => ({
      ...(row["hassh"] === null ? {} : { hassh: String(row["hassh"]) }),
      version: String(row["version"]) as ByteString,
      sessions: Number(row["sessions"]),
      sources: Number(row["sources"]),
    })),
    commands: commandsIn(ask, window, top),
    indicators: indicatorsIn(ask, window, top),
    newArtifacts: newArtifactsIn(ask, window, top),
    denied: deniedIn(ask, within, top),
    ends: ask(
      sql`SELECT end_reason AS reason, count(*) AS sessions FROM sessions WHERE ${within} AND end_reason IS NOT NULL
        GROUP BY end_reason ORDER BY sessions DESC, reason`,
    ).map((row) => ({ reason: String(row["reason"]), sessions: Number(row["sessions"]) })),
    longest: notableIn(ask, within, "longest", top),
    notable: notableIn(ask, within, "notable", top),
  };
}

function totalsIn(ask: Ask, within: Sql): Totals {
  const [row] = ask(
    sql`SELECT count(*) AS sessions, ifnull(sum(state = 'live'), 0) AS live, count(DISTINCT source_address) AS sources,
        ifnull(sum(attempts), 0) AS attempts, ifnull(sum(logged_in), 0) AS logins,
        count(DISTINCT iif(logged_in, source_address, NULL)) AS loginSources,
        ifnull(sum(typist = 'human'), 0) AS typedByHand, ifnull(sum(typist = 'machine'), 0) AS typedByMachine,
        ifnull(sum(commands), 0) AS commands, ifnull(sum(transfers), 0) AS transfers, ifnull(sum(forwards), 0) AS forwards,
        ifnull(sum(network), 0) + ifnull(sum(late_network.tries), 0) AS networkTries,
        ifnull(sum(received), 0) AS received, ifnull(sum(sent), 0) AS sent, count(DISTINCT sandbox) AS sandboxes,
        count(DISTINCT iif(sandbox_state = 'new', sandbox, NULL)) AS newSandboxes
      FROM sessions LEFT JOIN traits ON traits.session = sessions.id LEFT JOIN late_network ON late_network.session = sessions.id
      WHERE ${within}`,
  );
  return Object.fromEntries(
    Object.entries(row ?? {}).map(([name, value]) => [name, Number(value)]),
  ) as unknown as Totals;
}

function triedIn(
  ask: Ask,
  within: Sql,
  columns: readonly ("user" | "password")[],
  top: number,
): (Tried & { readonly password?: ByteString })[] {
  const named = (make: (column: string) => string, between: string) =>
    joined(
      columns.map((column) => ({ text: make(column), values: [] })),
      between,
    );
  const by = named((column) => `attempts.${column}`, ", ");
  // Numbers of texts are those of the order in which they came.
  const texts = named((column) => `(SELECT text FROM texts WHERE id = attempts.${column})`, ", ");
  const there = named((column) => `attempts.${column} IS NOT NULL`, " AND ");
  const rows = ask(
    sql`SELECT ${by}, count(*) AS tries, count(DISTINCT source_address) AS sources FROM sessions
      CROSS JOIN attempts ON attempts.session = sessions.id
      WHERE ${within} AND attempts.method <> 'none' AND ${there} GROUP BY ${by} ORDER BY tries DESC, ${texts} LIMIT ${top}`,
  );
  return rows.map((row) => {
    const [text = "" as ByteString, password] = columns.map((column) => textOf(ask, row[column]));
    return {
      text,
      ...(password === undefined ? {} : { password }),
      attempts: Number(row["tries"]),
      sources: Number(row["sources"]),
    };
  });
}

function textOf(ask: Ask, id: unknown): ByteString {
  const [row] = ask(sql`SELECT text FROM texts WHERE id = ${Number(id)}`);
  return given(String(row?.["text"] ?? ""));
}

/** Commands are counted by session: a bot that says one a hundred times said it once. */
function commandsIn(ask: Ask, { since, until }: ReportWindow, top: number): Report["commands"] {
  const during = sql`mentions.started_us >= ${since} AND mentions.started_us <= ${until}`;
  return ask(
    sql`SELECT texts.id, texts.text, count(*) AS sessions FROM texts CROSS JOIN mentions ON mentions.text = texts.id AND ${during}
      WHERE texts.kind = 'command' GROUP BY texts.id ORDER BY sessions DESC, texts.text LIMIT ${top}`,
  ).map((row) => {
    const [counted] = ask(
      sql`SELECT count(DISTINCT source_address) AS sources FROM mentions CROSS JOIN sessions ON sessions.id = mentions.session
        WHERE mentions.text = ${Number(row["id"])} AND ${during}`,
    );
    return {
      text: given(String(row["text"])),
      sessions: Number(row["sessions"]),
      sources: Number(counted?.["sources"]),
    };
  });
}
