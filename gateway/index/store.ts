import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Evidence } from "../evidence/extract.ts";
import type { FoundInCapture } from "../evidence/indicators/capture-indicators.ts";
import { lateIndicators, sessionIndicators } from "../evidence/indicators/session-indicators.ts";
import { triesOf, type LateFactsRead } from "../evidence/late-facts.ts";
import type { Observation } from "../evidence/observation.ts";
import type { Summary } from "../evidence/summary.ts";
import type { Capture } from "../model/capture.ts";
import type { SessionId } from "../model/ids.ts";
import { addressKey } from "./address.ts";
import { ArtifactsWriter } from "./artifacts-writer.ts";
import { CapturesWriter } from "./captures-writer.ts";
import { forget, forgetUnsaid, textsOfSession } from "./forgetting.ts";
import { rowOf, type SessionRow, type SessionState } from "./rows.ts";
import { DROPPED, INDEX_FILE, prepareSchema } from "./schema.ts";
import { Statements, type Value } from "./statements.ts";
import { PacesWriter } from "./paces-writer.ts";
import { TextsWriter } from "./texts-writer.ts";
import { TraitsWriter } from "./traits-writer.ts";
import { indicatorTexts, lateTextsOf, stored, textsOf } from "./texts.ts";

/** The writing side of the index; one process has it at a time (the archivist, or a rebuild). Each put is one transaction. */
export class IndexStore implements Disposable {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #texts: TextsWriter;
  readonly #captures: CapturesWriter;
  readonly #traits: TraitsWriter;
  readonly #paces: PacesWriter;
  readonly #artifacts: ArtifactsWriter;

  /** Opens `index.sqlite` of a data folder, or makes it. One of another version, or damaged, is made anew. */
  static open(dataFolder: string, file = INDEX_FILE): IndexStore {
    const path = join(dataFolder, file);
    const known = openDatabase(path);
    const artifacts = join(dataFolder, "artifacts");
    if (known !== undefined) return new IndexStore(known, artifacts);
    removeIndex(dataFolder, file);
    const anew = openDatabase(path);
    if (anew === undefined) throw new Error(`${path} cannot be made`);
    return new IndexStore(anew, artifacts);
  }

  /** On a database that was prepared. @param artifacts their folder; without it they have no types. */
  constructor(database: DatabaseSync, artifacts?: string) {
    this.#database = database;
    this.#statements = new Statements(database);
    this.#texts = new TextsWriter(database);
    this.#captures = new CapturesWriter(this.#statements, this.#texts);
    this.#traits = new TraitsWriter(this.#statements);
    this.#paces = new PacesWriter(this.#statements);
    this.#artifacts = new ArtifactsWriter(this.#statements, artifacts);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  /** What was taken in whole: sessions by their recordings, captures by their ids, sessions by what was tried after them. */
  archived(): { sessions: Set<string>; captures: Set<string>; network: Set<string> } {
    const ids = (sql: string) => new Set(this.#statements.all(sql).map((row) => String(row["id"])));
    return {
      sessions: ids("SELECT id FROM sessions WHERE state <> 'live'"),
      captures: ids("SELECT id FROM captures"),
      network: ids("SELECT session AS id FROM late_network"),
    };
  }

  /** Whether a session's recording, a capture, or what was tried on the network after a session, was taken in. */
  has(what: "session" | "capture" | "network", id: string): boolean {
    return this.#statements.get(HAS[what], id) !== undefined;
  }

  /** Tells readers which sessions are to be taken in: these, and no others. */
  awaits(sessions: Iterable<string>): void {
    this.#statements.transaction(() => {
      this.#statements.run("DELETE FROM waiting", []);
      for (const session of sessions)
        this.#statements.run("INSERT OR IGNORE INTO waiting (session) VALUES (?)", [session]);
    });
  }

  /** Sessions that lived when the last writer ended. */
  dropLive(): void {
    this.#statements.transaction(() => {
      for (const { id } of this.#statements.all("SELECT id FROM sessions WHERE state = 'live'"))
        this.#dropTold(String(id));
      this.#statements.run("DELETE FROM sessions WHERE state = 'live'", []);
    });
  }

  /** A session that still lives: what is known of it so far, and what was observed since it was put last. */
  putLive(recording: string, summary: Summary, observations: readonly Observation[] = []): void {
    this.#statements.transaction(() => {
      const session = this.#putSession(recording, "live", summary);
      if (session !== undefined && observations.length > 0) this.#putTold(session, observations);
    });
  }

  /** A session with everything that is known of it. */
  putFinished(recording: string, state: SessionState, evidence: Evidence): void {
    this.#statements.transaction(() => {
      this.#putWhole(recording, state, evidence);
    });
  }

  /**
   * @param session the one beside whose recording the capture lies, as its `ordinal`th.
   * @param found what its changes tell.
   */
  putCapture(session: SessionId, ordinal: number, capture: Capture, found?: FoundInCapture): void {
    this.#statements.transaction(() => {
      this.#captures.put(session, ordinal, capture, found);
      for (const { sha256 } of capture.changes) this.#artifacts.know(sha256);
    });
  }

  /** What a session's sandbox tried when nobody was in it any more was worked through. The session has been put. */
  putLateNetwork(session: SessionId, late: LateFactsRead): void {
    this.#statements.transaction(() => {
      this.#putLate(session, late);
    });
  }

  /** Whether a session is found by a password, or shown with one. */
  knowsPassword(session: SessionId): boolean {
    return this.#statements.get(KNOWS_PASSWORD, session, DROPPED, session) !== undefined;
  }

  /**
   * As `putFinished`, of a session whose recording tells less than it did: what only it had said is gone, from the file too.
   *
   * @param late what was tried on the network after it, if that was taken in.
   */
  putRedacted(recording: string, state: SessionState, evidence: Evidence, late?: LateFactsRead): void {
    const session = evidence.summary.opened?.session;
    if (session === undefined) return;
    this.#statements.overwriting(() => {
      const before = textsOfSession(this.#statements, session);
      this.#putWhole(recording, state, evidence);
      if (late !== undefined) this.#putLate(session, late);
      forgetUnsaid(this.#statements, before);
    });
  }

  /** A session whose folder is there no more. */
  forget(session: SessionId): void {
    this.#statements.transaction(() => {
      forget(this.#statements, this.#captures, session);
    });
  }

  /** Whether a capture taken before that time had this artifact, in any sandbox. */
  seenBefore(sha256: string, takenAt: string): boolean {
    return this.#captures.seenBefore(sha256, takenAt);
  }

  /** Whether the sandbox held this artifact at that path when it was captured earlier, or it came in by an upload of a session before. */
  toldBefore(capture: Capture, path: string, sha256: string): boolean {
    return this.#captures.toldBefore(capture, path, sha256);
  }

  #putWhole(recording: string, state: SessionState, evidence: Evidence): void {
    const session = this.#putSession(recording, state, evidence.summary);
    if (session === undefined) return;
    this.#dropTold(session.id);
    this.#putTold(session, evidence.observations);
    this.#traits.put(session.id, evidence);
    this.#paces.put(session, evidence);
    this.#artifacts.put(session.id, evidence.observations);
    this.#statements.run("DELETE FROM transfers WHERE session = ?", [session.id]);
    for (const [ordinal, one] of evidence.observations.entries())
      if (one.kind === "transfer")
        this.#statements.run(TRANSFER, [
          ...[session.id, ordinal, one.entry, one.at, one.channel, one.protocol, one.direction],
          ...[one.path, one.size, Number(one.whole), one.sha256],
        ]);
    this.#statements.run("DELETE FROM waiting WHERE session = ?", [session.id]);
  }

  #putLate(session: SessionId, late: LateFactsRead): void {
    this.#statements.run("INSERT OR REPLACE INTO late_network (session, tries) VALUES (?,?)", [
      session,
      triesOf(late),
    ]);
    const row = this.#statements.get("SELECT started_us FROM sessions WHERE id = ?", session);
    if (row === undefined) return;
    const started = Number(row["started_us"]);
    this.#texts.mention(session, started, lateTextsOf(late.facts, started));
    this.#texts.mention(session, started, indicatorTexts(lateIndicators(late.facts), started));
    this.#traits.tellLate(session, late.facts);
    this.#paces.putLate(session, late.facts);
    this.#artifacts.tellLate(session, late.facts);
  }

  #dropTold(session: string): void {
    this.#texts.unmention(session);
    this.#traits.drop(session);
    this.#artifacts.drop(session);
    this.#statements.run("DELETE FROM attempts WHERE session = ?", [session]);
  }

  #putTold({ id, started }: SessionRow, observations: readonly Observation[]): void {
    this.#texts.mention(id, started, textsOf(observations, this.#texts.mentioned(id)));
    this.#texts.mention(id, started, indicatorTexts(sessionIndicators(observations), started));
    this.#traits.tell(id, observations);
    this.#artifacts.tell(id, observations);
    const reference = (kind: "user" | "password", text: string | undefined) =>
      text === undefined ? undefined : this.#texts.find(kind, stored(text));
    for (const one of observations)
      if (one.kind === "tried")
        this.#statements.run(ATTEMPT, [
          ...[id, one.entry, one.at, one.number, reference("user", one.user), one.method],
          ...[reference("password", one.password), one.outcome, one.by],
        ]);
  }

  #putSession(recording: string, state: SessionState, summary: Summary): SessionRow | undefined {
    const session = rowOf(recording, state, summary);
    if (session === undefined) return undefined;
    const row: Record<string, Value> = {
      id: session.id,
      state,
      recording,
      started_us: session.started,
      duration_us: session.duration,
      source_address: session.sourceAddress,
      source_key: addressKey(session.sourceAddress),
      source_port: session.sourcePort,
      listener_address: session.listenerAddress,
      listener_port: session.listenerPort,
      sensor: session.sensor,
      persona: session.persona,
      client_version: session.clientVersion,
      hassh: session.hassh,
      user: session.user,
      password: session.passwordDropped === true ? DROPPED : session.password,
      method: session.method,
      profile: session.profile,
      logged_in: Number(session.loggedIn),
      end_reason: session.endReason,
      sandbox: session.sandbox,
      sandbox_state: session.sandboxState,
      attempts: session.attempts,
      channels: session.channels,
      commands: session.commands,
      transfers: session.transfers,
      forwards: session.forwards,
      network: session.network,
      ...{ received: session.received, sent: session.sent },
    };
    const names = Object.keys(row);
    this.#statements.run(
      `INSERT OR REPLACE INTO sessions (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
      Object.values(row),
    );
    return session;
  }
}

const HAS = {
  session: "SELECT 1 AS yes FROM sessions WHERE id = ? AND state <> 'live'",
  capture: "SELECT 1 AS yes FROM captures WHERE id = ?",
  network: "SELECT 1 AS yes FROM late_network WHERE session = ?",
} as const;
const KNOWS_PASSWORD = `SELECT 1 FROM sessions WHERE id = ? AND password <> ?
  UNION ALL SELECT 1 FROM mentions CROSS JOIN texts ON texts.id = mentions.text
    WHERE mentions.session = ? AND texts.kind = 'password' LIMIT 1`;
const TRANSFER =
  "INSERT INTO transfers (session, ordinal, entry, at_ns, channel, protocol, direction, path, size, whole, sha256) VALUES (?,?,?,?,?,?,?,?,?,?,?)";
const ATTEMPT =
  "INSERT OR REPLACE INTO attempts (session, entry, at_ns, number, user, method, password, outcome, decided_by) VALUES (?,?,?,?,?,?,?,?,?)";

/** Undefined: what is there is of another version, or damaged. It is derived, so it can be thrown away. */
function openDatabase(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path, { timeout: 5000 });
  try {
    // What a power cut takes from the last moments is found again among the recordings. The archivist may write nowhere but in the data folder.
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;");
    if (prepareSchema(database)) return database;
    database.close();
  } catch (error) {
    database.close();
    // SQLITE_CORRUPT and SQLITE_NOTADB. Anything else is not for us to delete.
    if (!isDamage(error)) throw error;
  }
  return undefined;
}

export function removeIndex(dataFolder: string, file = INDEX_FILE): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"])
    rmSync(join(dataFolder, file + suffix), { force: true });
}

function isDamage(error: unknown): boolean {
  const code = error instanceof Error && "errcode" in error ? error.errcode : undefined;
  return code === 11 || code === 26;
}
