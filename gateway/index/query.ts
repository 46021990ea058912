import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from "node:sqlite";
import { toByteString, type ByteString } from "../model/bytes.ts";
import { newAmong, type FileRow, type SessionRow, type SessionState } from "./rows.ts";
import { SCHEMA_VERSION } from "./schema.ts";
import { INDEX_FILE } from "./store.ts";

export interface SessionFilter {
  /** Microseconds since 1970. */
  readonly since?: number | undefined;
  /** A name, or a glob with `*` and `?`. */
  readonly user?: string | undefined;
  /** An address, or a glob with `*`. */
  readonly source?: string | undefined;
  /** Part of a command. */
  readonly command?: string | undefined;
  readonly limit?: number | undefined;
}

export interface FileFilter {
  readonly since?: number | undefined;
  /** A session that was in the sandbox. */
  readonly session?: string | undefined;
  readonly source?: string | undefined;
  readonly sandbox?: string | undefined;
}

/** The reading side of the index, beside a writer that goes on writing. */
export class IndexReader implements Disposable {
  readonly #database: DatabaseSync;

  /** Undefined where there is no index, or one of another version. */
  static open(dataFolder: string): IndexReader | undefined {
    const path = join(dataFolder, INDEX_FILE);
    if (!existsSync(path)) return undefined;
    const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
    try {
      if (database.prepare("PRAGMA user_version").get()?.["user_version"] === SCHEMA_VERSION)
        return new IndexReader(database);
    } catch {
      // Not a database, or a damaged one: as good as none; it is rebuilt by the next start of the gateway.
    }
    database.close();
    return undefined;
  }

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  /** Most recent first. */
  sessions(filter: SessionFilter = {}): SessionRow[] {
    const where: string[] = [];
    const values: SQLInputValue[] = [];
    const and = (sql: string, value: SQLInputValue | undefined) => {
      if (value === undefined) return;
      where.push(sql);
      values.push(value);
    };
    and("started_us >= ?", filter.since);
    and(comparison("user", filter.user), filter.user === undefined ? undefined : globOf(filter.user));
    and(
      comparison("source_address", filter.source),
      filter.source === undefined ? undefined : globOf(filter.source),
    );
    and(
      "EXISTS (SELECT 1 FROM commands WHERE commands.session = sessions.id AND instr(commands.text, ?) > 0)",
      filter.command === undefined ? undefined : bytesOf(filter.command),
    );
    const sql = `SELECT * FROM sessions
      ${where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`} ORDER BY started_us DESC, id DESC LIMIT ?`;
    return this.#database
      .prepare(sql)
      .all(...values, filter.limit ?? -1)
      .map((row) => this.#sessionRow(row));
  }

  session(id: string): SessionRow | undefined {
    const row = this.#database.prepare("SELECT * FROM sessions WHERE id = ?").get(id);
    return row === undefined ? undefined : this.#sessionRow(row);
  }

  /**
   * The sandbox of a session as it was first captured after it, and as it had been captured last without it: what differs
   * came about while the session was there. Each names the session beside whose recording the capture lies.
   */
  capturesAround(
    session: string,
  ): { readonly after: string; readonly before: string | undefined } | undefined {
    const after = this.#database
      .prepare(
        `SELECT captures.session, sandbox, taken_us FROM capture_sessions
         JOIN captures ON captures.session = capture_sessions.capture
         WHERE capture_sessions.session = ? ORDER BY taken_us, captures.session LIMIT 1`,
      )
      .get(session);
    if (after === undefined) return undefined;
    const before = this.#database
      .prepare(
        `SELECT session FROM captures WHERE sandbox = ? AND taken_us < ? AND NOT EXISTS
         (SELECT 1 FROM capture_sessions WHERE capture = captures.session AND capture_sessions.session = ?)
         ORDER BY taken_us DESC, session DESC LIMIT 1`,
      )
      .get(after["sandbox"] ?? null, after["taken_us"] ?? null, session);
    return { after: String(after["session"]), before: optionalText(before?.["session"]) };
  }

  /**
   * Changes as they were first seen: a capture tells everything that differs from the image, so the same change stands in all later
   * captures of its sandbox. In the order of the captures, and in these as they were found.
   */
  files(filter: FileFilter = {}): FileRow[] {
    const { session, since, sandbox, source } = filter;
    if (session !== undefined) {
      const around = this.capturesAround(session);
      if (around === undefined) return [];
      const known =
        around.before === undefined ? [] : this.#filesWhere("captures.session = ?", around.before);
      return newAmong(this.#filesWhere("captures.session = ?", around.after), known).filter(
        (row) => since === undefined || row.takenAt >= since,
      );
    }
    const rows =
      sandbox === undefined
        ? this.#filesWhere(comparison("captures.source", source ?? "*"), globOf(source ?? "*"))
        : this.#filesWhere("captures.sandbox = ?", sandbox);
    return newAmong(rows, []).filter((row) => since === undefined || row.takenAt >= since);
  }

  #filesWhere(where: string, value: string): FileRow[] {
    const sql = `SELECT files.*, captures.sandbox, captures.source, captures.taken_us
      FROM captures JOIN files ON files.capture = captures.session
      WHERE ${where} ORDER BY taken_us, files.capture, files.ordinal`;
    return this.#database.prepare(sql).all(value).map(fileRow);
  }

  #sessionRow(row: Row): SessionRow {
    const changes = this.files({ session: String(row["id"]) });
    return { ...sessionRow(row), files: changes.filter(({ type }) => type !== "directory").length };
  }
}

/** What an operator types is UTF-8; what is kept is bytes. */
function bytesOf(text: string): ByteString {
  return toByteString(Buffer.from(text, "utf8"));
}

/**
 * A name without stars is looked up in its own index. A glob is tried on one row after the other, the most recent first: the plus
 * keeps SQLite from reading all of the column's index instead, and then sorting.
 */
function comparison(column: string, text: string | undefined): string {
  return /[*?]/.test(text ?? "") ? `+${column} GLOB ?` : `${column} = ?`;
}

/** Only `*` and `?` mean something to those who type it. */
function globOf(text: string): string {
  return /[*?]/.test(text) ? bytesOf(text).replaceAll("[", "[[]") : bytesOf(text);
}

type Row = Record<string, SQLOutputValue>;

function sessionRow(row: Row): SessionRow {
  const text = (name: string) => optionalText(row[name]);
  const bytes = (name: string) => text(name) as ByteString | undefined;
  const number = (name: string) => Number(row[name]);
  return {
    id: text("id") ?? "",
    state: text("state") as SessionState,
    recording: text("recording") ?? "",
    started: number("started_us"),
    duration: number("duration_us"),
    sourceAddress: text("source_address") ?? "",
    sourcePort: number("source_port"),
    listenerAddress: text("listener_address") ?? "",
    listenerPort: number("listener_port"),
    sensor: text("sensor") ?? "",
    persona: text("persona") ?? "",
    clientVersion: bytes("client_version"),
    hassh: text("hassh"),
    user: bytes("user"),
    password: bytes("password"),
    method: text("method"),
    loggedIn: row["logged_in"] === 1,
    endReason: text("end_reason"),
    sandbox: text("sandbox"),
    sandboxState: text("sandbox_state"),
    attempts: number("attempts"),
    channels: number("channels"),
    commands: number("commands"),
    transfers: number("transfers"),
    forwards: number("forwards"),
    received: number("received"),
    sent: number("sent"),
    files: 0,
  };
}

function fileRow(row: Row): FileRow {
  const optional = {
    mode: optionalNumber(row["mode"]),
    uid: optionalNumber(row["uid"]),
    gid: optionalNumber(row["gid"]),
    size: optionalNumber(row["size"]),
    modifiedAt: optionalText(row["modified_at"]),
    linkTarget: optionalText(row["link_target"]),
    sha256: optionalText(row["sha256"]),
    leftOut: optionalText(row["left_out"]),
  };
  const session = optionalText(row["capture"]) ?? "";
  return {
    id: `${session}.${Number(row["ordinal"])}`,
    session,
    sandbox: optionalText(row["sandbox"]) ?? "",
    source: optionalText(row["source"]) ?? "",
    takenAt: Number(row["taken_us"]),
    kind: optionalText(row["kind"]),
    path: optionalText(row["path"]) ?? "",
    type: optionalText(row["type"]),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  } as FileRow;
}

function optionalText(value: SQLOutputValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function optionalNumber(value: SQLOutputValue | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}
