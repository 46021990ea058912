/** Who came and what they tried, in the order in which it happened: for another policy to be tried on. Times are microseconds since 1970. */
import type { SQLOutputValue } from "node:sqlite";
import type { ByteString } from "../model/bytes.ts";
import type { EndReason } from "../model/end-reason.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Answer, AttemptMethod } from "../model/entries.ts";
import type { NetworkFact, NetworkRule } from "../model/network-facts.ts";
import { DROPPED } from "./schema.ts";
import { sql, type AskEach } from "./sql.ts";
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

export interface TriedConnect {
  readonly at: number;
  readonly rule: NetworkRule;
  readonly protocol: NetworkFact["protocol"];
  readonly address: string;
  readonly port: number;
  readonly tries: number;
  readonly sent: number;
}

/** Bytes of IP packets. */
export interface TriedTraffic {
  readonly up: number;
  readonly down: number;
  /** A cap of its time cut it, or some was counted in an hour before. */
  readonly isAtLeast: boolean;
}

export interface TriedSession {
  readonly id: string;
  readonly address: string;
  readonly listener: Endpoint;
  readonly started: number;
  readonly ended: number;
  readonly endReason: EndReason | undefined;
  readonly loggedIn: boolean;
  readonly bytes: number;
  readonly attempts: TriedAttempt[];
  /** As evidence/pace.ts makes them: microseconds since the start, and how long or how many bytes. */
  readonly pauses: readonly (readonly [number, number])[];
  readonly growth: readonly (readonly [number, number])[];
  readonly connects: TriedConnect[];
  /** What its sandbox had sent and received since it was captured before, where that was counted at this session's end. */
  traffic?: TriedTraffic;
}

/** Sessions that are over and began at or after `since`. */
export function triedSessions(ask: AskEach, since: number): TriedSession[] {
  const sessions = new Map<string, TriedSession>();
  const rows =
    ask(sql`SELECT id, source_address, listener_address, listener_port, started_us, duration_us, end_reason, logged_in,
      received + sent AS bytes, pauses, growth
    FROM sessions LEFT JOIN paces ON paces.session = sessions.id
    WHERE started_us >= ${since} AND state <> 'live' ORDER BY started_us, id`);
  for (const row of rows) {
    const started = Number(row["started_us"]);
    const session: TriedSession = {
      id: String(row["id"]),
      address: String(row["source_address"]),
      listener: { address: String(row["listener_address"]), port: Number(row["listener_port"]) },
      started,
      ended: started + Number(row["duration_us"]),
      endReason: optional(row["end_reason"]) as TriedSession["endReason"],
      loggedIn: row["logged_in"] === 1,
      bytes: Number(row["bytes"]),
      attempts: [],
      pauses: pairs(row["pauses"]),
      growth: pairs(row["growth"]),
      connects: [],
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
  const connects =
    ask(sql`SELECT connects.* FROM sessions CROSS JOIN connects ON connects.session = sessions.id
    WHERE sessions.started_us >= ${since} ORDER BY connects.session, connects.at_us, connects.late, connects.ordinal`);
  for (const row of connects)
    sessions.get(String(row["session"]))?.connects.push({
      at: Number(row["at_us"]),
      rule: String(row["rule"]) as NetworkRule,
      protocol: String(row["protocol"]) as TriedConnect["protocol"],
      address: String(row["address"]),
      port: Number(row["port"]),
      tries: Number(row["tries"]),
      sent: Number(row["sent"]),
    });
  for (const [id, traffic] of trafficBySession(ask)) {
    const session = sessions.get(id);
    if (session !== undefined) session.traffic = traffic;
  }
  return [...sessions.values()];
}

/** Of each sandbox, what each of its captures counted more than the one before. */
function* trafficBySession(ask: AskEach): Generator<readonly [session: string, TriedTraffic]> {
  const rows = ask(sql`SELECT session, sandbox, up, down, spent, hourly FROM captures
    WHERE up IS NOT NULL ORDER BY sandbox, taken_us, id`);
  let before = { sandbox: "", session: "", up: 0, down: 0 };
  let sum: TriedTraffic = { up: 0, down: 0, isAtLeast: false };
  for (const row of rows) {
    const [sandbox, session] = [String(row["sandbox"]), String(row["session"])];
    const [up, down, isHourly] = [Number(row["up"]), Number(row["down"]), row["hourly"] === 1];
    if (sandbox !== before.sandbox) before = { sandbox, session: "", up: 0, down: 0 };
    // Hours begin at nothing; otherwise less is counted only where a new policy has cut the count to its cap.
    const more = (now: number, then: number) => (now >= then ? now - then : isHourly ? now : 0);
    if (session !== before.session) sum = { up: 0, down: 0, isAtLeast: false };
    sum = {
      up: sum.up + more(up, before.up),
      down: sum.down + more(down, before.down),
      isAtLeast: sum.isAtLeast || isHourly || row["spent"] === 1,
    };
    before = { sandbox, session, up, down };
    yield [session, sum];
  }
}

/** Bots say the same: a text is read once, however many say it. */
function textsOf(ask: AskEach): (id: SQLOutputValue | undefined) => ByteString | undefined {
  const rows = ask(sql`SELECT id, text FROM texts WHERE kind IN ('user', 'password')`);
  const texts = new Map<number, string>();
  for (const row of rows) texts.set(Number(row["id"]), String(row["text"]));
  return (id) => {
    const text = typeof id === "number" ? texts.get(id) : undefined;
    return text === undefined || text === DROPPED ? undefined : given(text);
  };
}

const NONE: readonly (readonly [number, number])[] = [];

function pairs(value: SQLOutputValue | undefined): readonly (readonly [number, number])[] {
  return typeof value !== "string" || value === "[]" ? NONE : (JSON.parse(value) as [number, number][]);
}

function optional(value: SQLOutputValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
