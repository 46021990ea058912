/** Who came and what they tried, in the order in which it happened: for another policy to be tried on. Times are microseconds since 1970. */
import type { SQLOutputValue } from "node:sqlite";
import type { ByteString } from "../model/bytes.ts";
import type { Answer, AttemptMethod } from "../model/entries.ts";
import { DROPPED } from "./schema.ts";
import { sql, type Ask } from "./sql.ts";
import { given } from "./texts.ts";

export interface TriedAttempt {
  readonly at: number;
  readonly method: AttemptMethod;
  readonly user: ByteString | undefined;
  /** Absent also where it was dropped. */
  readonly password: ByteString | undefined;
  readonly outcome: Answer["outcome"] | undefined;
  readonly by: Answer["by"] | undefined;
}

export interface TriedSession {
  readonly id: string;
  readonly address: string;
  readonly started: number;
  readonly ended: number;
  readonly loggedIn: boolean;
  readonly bytes: number;
  readonly attempts: TriedAttempt[];
}

/** Sessions that are over and began at or after `since`. */
export function triedSessions(ask: Ask, since: number): TriedSession[] {
  const sessions = new Map<string, TriedSession>();
  const rows =
    ask(sql`SELECT id, source_address, started_us, duration_us, logged_in, received + sent AS bytes FROM sessions
    WHERE started_us >= ${since} AND state <> 'live' ORDER BY started_us, id`);
  for (const row of rows) {
    const started = Number(row["started_us"]);
    const session: TriedSession = {
      id: String(row["id"]),
      address: String(row["source_address"]),
      started,
      ended: started + Number(row["duration_us"]),
      loggedIn: row["logged_in"] === 1,
      bytes: Number(row["bytes"]),
      attempts: [],
    };
    sessions.set(session.id, session);
  }
  const texts = textsOf(ask);
  const attempts =
    ask(sql`SELECT attempts.* FROM sessions CROSS JOIN attempts ON attempts.session = sessions.id
    WHERE sessions.started_us >= ${since} ORDER BY attempts.session, attempts.entry, attempts.number`);
  for (const row of attempts) {
    const session = sessions.get(String(row["session"]));
    session?.attempts.push({
      at: session.started + Math.floor(Number(row["at_ns"]) / 1000),
      method: String(row["method"]) as AttemptMethod,
      user: texts(row["user"]),
      password: texts(row["password"]),
      outcome: optional(row["outcome"]) as TriedAttempt["outcome"],
      by: optional(row["decided_by"]) as TriedAttempt["by"],
    });
  }
  return [...sessions.values()];
}

/** Ports to which sandboxes turned outward, the most wanted first. `sessions`: one counts for each of its targets. */
export function triedPorts(ask: Ask, since: number): { port: number; targets: number; sessions: number }[] {
  const ports = new Map<number, { targets: number; sessions: number }>();
  const rows =
    ask(sql`SELECT texts.text, count(*) AS sessions FROM texts JOIN mentions ON mentions.text = texts.id
    WHERE texts.kind = 'network' AND mentions.started_us >= ${since} GROUP BY texts.id`);
  for (const row of rows) {
    const port = Number(/:(\d{1,5})$/.exec(String(row["text"]))?.[1]);
    if (!(port >= 1)) continue;
    const known = ports.get(port) ?? { targets: 0, sessions: 0 };
    ports.set(port, { targets: known.targets + 1, sessions: known.sessions + Number(row["sessions"]) });
  }
  return [...ports]
    .map(([port, counts]) => ({ port, ...counts }))
    .sort((one, other) => other.sessions - one.sessions || one.port - other.port);
}

/** Bots say the same: a text is read once, however many say it. */
function textsOf(ask: Ask): (id: SQLOutputValue | undefined) => ByteString | undefined {
  const rows = ask(sql`SELECT id, text FROM texts WHERE kind IN ('user', 'password')`);
  const texts = new Map(rows.map((row) => [Number(row["id"]), String(row["text"])]));
  return (id) => {
    const text = typeof id === "number" ? texts.get(id) : undefined;
    return text === undefined || text === DROPPED ? undefined : given(text);
  };
}

function optional(value: SQLOutputValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
