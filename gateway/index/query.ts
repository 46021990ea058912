import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from "node:sqlite";
import { toByteString, type ByteString } from "../model/bytes.ts";
import type { FileRow, SessionRow } from "./rows.ts";
import { SCHEMA_VERSION } from "./schema.ts";
import { INDEX_FILE, type SessionState } from "./store.ts";

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
    and("user GLOB ?", filter.user === undefined ? undefined : globOf(filter.user));
    and("source_address GLOB ?", filter.source === undefined ? undefined : globOf(filter.source));
    and(
      "EXISTS (SELECT 1 FROM commands WHERE commands.session = sessions.id AND instr(commands.text, ?) > 0)",
      filter.command === undefined ? undefined : bytesOf(filter.command),
    );
    const sql = `SELECT *, ${FILES_OF_SESSION} AS files FROM sessions
      ${where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`} ORDER BY started_us DESC, id LIMIT ?`;
    return this.#database
      .prepare(sql)
      .all(...values, filter.limit ?? -1)
      .map(sessionRow);
  }

  session(id: string): SessionRow | undefined {
    const row = this.#database
      .prepare(`SELECT *, ${FILES_OF_SESSION} AS files FROM sessions WHERE id = ?`)
      .get(id);
    return row === undefined ? undefined : sessionRow(row);
  }

  /** The sessions beside whose recordings lie the captures of sandboxes that this one was in. */
  capturesOf(session: string): string[] {
    return this.#database
      .prepare("SELECT capture FROM capture_sessions WHERE session = ? ORDER BY capture")
      .all(session)
      .map((row) => String(row["capture"]));
  }

  /** In the order of their captures, and in these as they were found. */
  files(filter: FileFilter = {}): FileRow[] {
    const where: string[] = [];
    const values: SQLInputValue[] = [];
    const and = (sql: string, value: SQLInputValue | undefined) => {
      if (value === undefined) return;
      where.push(sql);
      values.push(value);
    };
    and("captures.taken_us >= ?", filter.since);
    and("captures.sandbox = ?", filter.sandbox);
    and("captures.source GLOB ?", filter.source === undefined ? undefined : globOf(filter.source));
    and(
      "captures.session IN (SELECT capture FROM capture_sessions WHERE capture_sessions.session = ?)",
      filter.session,
    );
    const sql = `SELECT files.*, captures.sandbox, captures.source, captures.taken_us
      FROM captures JOIN files ON files.capture = captures.session
      ${where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`} ORDER BY taken_us, files.capture, files.ordinal`;
    return this.#database
      .prepare(sql)
      .all(...values)
      .map(fileRow);
  }
}

const FILES_OF_SESSION = `(SELECT count(*) FROM capture_sessions JOIN files ON files.capture = capture_sessions.capture
  WHERE capture_sessions.session = sessions.id AND files.type <> 'directory')`;

/** What an operator types is UTF-8; what is kept is bytes. */
function bytesOf(text: string): ByteString {
  return toByteString(Buffer.from(text, "utf8"));
}

/** Only `*` and `?` mean something to those who type it. */
function globOf(text: string): string {
  return bytesOf(text).replaceAll("[", "[[]");
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
    files: number("files"),
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
