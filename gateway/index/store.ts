import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Evidence } from "../evidence/extract.ts";
import type { Summary } from "../evidence/summary.ts";
import type { Capture } from "../model/capture.ts";
import { parseMicros } from "../model/timestamps.ts";
import { rowOf, type SessionState } from "./rows.ts";
import { prepareSchema } from "./schema.ts";

export const INDEX_FILE = "index.sqlite";

/** The writing side of the index; one process has it at a time (the archivist, or a rebuild). */
export class IndexStore implements Disposable {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Opens `index.sqlite` of a data folder, or makes it. One of another version, or damaged, is made anew. */
  static open(dataFolder: string, file = INDEX_FILE): IndexStore {
    const path = join(dataFolder, file);
    try {
      const store = new IndexStore(path);
      if (prepareSchema(store.#database)) return store;
      store[Symbol.dispose]();
    } catch (error) {
      // SQLITE_CORRUPT and SQLITE_NOTADB: it is derived, so it can be thrown away. Anything else is not for us to delete.
      if (!isDamage(error)) throw error;
    }
    removeIndex(dataFolder, file);
    const store = new IndexStore(path);
    prepareSchema(store.#database);
    return store;
  }

  private constructor(path: string) {
    this.#database = new DatabaseSync(path, { timeout: 5000 });
    try {
      // What a power cut takes from the last moments is found again among the recordings.
      this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#statements.clear();
    this.#database.close();
  }

  /** The sessions whose recordings were taken in whole, and those whose captures were. */
  archived(): { sessions: Set<string>; captures: Set<string> } {
    const ids = (sql: string) =>
      new Set(
        this.#database
          .prepare(sql)
          .all()
          .map((row) => String(row["id"])),
      );
    return {
      sessions: ids("SELECT id FROM sessions WHERE state <> 'live'"),
      captures: ids("SELECT session AS id FROM captures"),
    };
  }

  /** Whether a session's recording, or the capture beside it, was taken in. */
  has(what: "session" | "capture", session: string): boolean {
    const sql =
      what === "session"
        ? "SELECT 1 AS yes FROM sessions WHERE id = ? AND state <> 'live'"
        : "SELECT 1 AS yes FROM captures WHERE session = ?";
    return this.#statement(sql).get(session) !== undefined;
  }

  /** Rows of sessions that lived when the last writer ended. */
  dropLive(): void {
    this.#database.exec("DELETE FROM sessions WHERE state = 'live'");
  }

  /** A session that still lives: what is known of it so far. */
  putLive(recording: string, summary: Summary): void {
    this.#putSession(recording, "live", summary);
  }

  /** A finished session, with everything that is known of it. In one transaction. */
  putFinished(recording: string, state: SessionState, evidence: Evidence): void {
    this.#transaction(() => {
      const session = this.#putSession(recording, state, evidence.summary);
      if (session === undefined) return;
      for (const table of ["attempts", "commands", "transfers"])
        this.#run(`DELETE FROM ${table} WHERE session = ?`, [session]);
      let ordinal = 0;
      for (const one of evidence.observations) {
        const cited = [session, ordinal++, one.entry, one.at];
        if (one.kind === "tried")
          this.#run(
            "INSERT OR REPLACE INTO attempts (session, entry, at_ns, number, user, method, password, fingerprint, outcome, decided_by) VALUES (?,?,?,?,?,?,?,?,?,?)",
            [
              session,
              one.entry,
              one.at,
              one.number,
              one.user,
              one.method,
              one.password,
              one.key?.fingerprintSha256,
              one.outcome,
              one.by,
            ],
          );
        else if (one.kind === "command")
          this.#run(
            "INSERT INTO commands (session, ordinal, entry, at_ns, channel, way, exact, text) VALUES (?,?,?,?,?,?,?,?)",
            [...cited, one.channel, one.way, Number(one.exact), one.text],
          );
        else if (one.kind === "transfer")
          this.#run(
            "INSERT INTO transfers (session, ordinal, entry, at_ns, channel, protocol, direction, path, size, whole, sha256) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            [
              ...cited,
              one.channel,
              one.protocol,
              one.direction,
              one.path,
              one.size,
              Number(one.whole),
              one.sha256,
            ],
          );
      }
    });
  }

  /** @param session the one beside whose recording the capture lies. */
  putCapture(session: string, capture: Capture): void {
    this.#transaction(() => {
      this.#run("DELETE FROM files WHERE capture = ?", [session]);
      this.#run("DELETE FROM capture_sessions WHERE capture = ?", [session]);
      this.#run(
        "INSERT OR REPLACE INTO captures (session, sandbox, source, taken_us, cut) VALUES (?,?,?,?,?)",
        [session, capture.sandbox, capture.source, parseMicros(capture.takenAt) || 0, Number(capture.cut)],
      );
      for (const one of new Set([session, ...capture.sessions]))
        this.#run("INSERT INTO capture_sessions (capture, session) VALUES (?,?)", [session, one]);
      for (const [ordinal, change] of capture.changes.entries())
        this.#run(
          "INSERT INTO files (capture, ordinal, kind, path, type, size, mode, uid, gid, modified_at, link_target, sha256, left_out) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
          [
            session,
            ordinal,
            change.kind,
            change.path,
            change.type,
            change.size,
            change.mode,
            change.uid,
            change.gid,
            change.modifiedAt,
            change.linkTarget,
            change.sha256,
            change.leftOut,
          ],
        );
    });
  }

  /** Whether a capture taken before that time had this artifact, in any sandbox. */
  seenBefore(sha256: string, takenAt: string): boolean {
    const row = this.#statement(
      "SELECT 1 AS yes FROM files JOIN captures ON captures.session = files.capture WHERE files.sha256 = ? AND captures.taken_us < ? LIMIT 1",
    ).get(sha256, parseMicros(takenAt) || 0);
    return row !== undefined;
  }

  /** Whether the sandbox held this artifact at that path when it was captured earlier, or it came in by an upload of a session before. */
  toldBefore({ sandbox, sessions, takenAt }: Capture, path: string, sha256: string): boolean {
    const taken = parseMicros(takenAt) || 0;
    const captured = this.#statement(
      "SELECT 1 AS yes FROM captures JOIN files ON files.capture = captures.session WHERE captures.sandbox = ? AND captures.taken_us < ? AND files.sha256 = ? AND files.path = ? LIMIT 1",
    ).get(sandbox, taken, sha256, path);
    if (captured !== undefined) return true;
    // Sessions that were over by then: whether others are in the index by now is chance.
    const uploaded = this.#statement(
      `SELECT 1 AS yes FROM json_each(?) AS among JOIN transfers ON transfers.session = among.value JOIN sessions ON sessions.id = among.value
       WHERE transfers.sha256 = ? AND transfers.direction = 'upload' AND sessions.state <> 'live' AND sessions.started_us + sessions.duration_us <= ? LIMIT 1`,
    ).get(JSON.stringify(sessions), sha256, taken);
    return uploaded !== undefined;
  }

  #putSession(recording: string, state: SessionState, summary: Summary): string | undefined {
    const session = rowOf(recording, state, summary);
    if (session === undefined) return undefined;
    const row: Record<string, Value> = {
      id: session.id,
      state,
      recording,
      started_us: session.started,
      duration_us: session.duration,
      source_address: session.sourceAddress,
      source_port: session.sourcePort,
      listener_address: session.listenerAddress,
      listener_port: session.listenerPort,
      sensor: session.sensor,
      persona: session.persona,
      client_version: session.clientVersion,
      hassh: session.hassh,
      user: session.user,
      password: session.password,
      method: session.method,
      logged_in: Number(session.loggedIn),
      end_reason: session.endReason,
      sandbox: session.sandbox,
      sandbox_state: session.sandboxState,
      attempts: session.attempts,
      channels: session.channels,
      commands: session.commands,
      transfers: session.transfers,
      forwards: session.forwards,
      received: session.received,
      sent: session.sent,
    };
    const names = Object.keys(row);
    this.#run(
      `INSERT OR REPLACE INTO sessions (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
      Object.values(row),
    );
    return session.id;
  }

  #transaction(work: () => void): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  #run(sql: string, values: readonly Value[]): void {
    this.#statement(sql).run(...values.map((value) => value ?? null));
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }
}

type Value = string | number | bigint | undefined;

export function removeIndex(dataFolder: string, file = INDEX_FILE): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"])
    rmSync(join(dataFolder, file + suffix), { force: true });
}

function isDamage(error: unknown): boolean {
  const code = error instanceof Error && "errcode" in error ? error.errcode : undefined;
  return code === 11 || code === 26;
}
