import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { toByteString, type ByteString } from "../model/bytes.ts";
import { parseCaptureId } from "./captures.ts";
import type { SessionFilter, TextCondition } from "./filter.ts";
import { matchesOf, type Match } from "./matches.ts";
import { newAmong, type FileRow, type SessionRow, type SessionState } from "./rows.ts";
import { DROPPED, INDEX_FILE, SCHEMA_VERSION } from "./schema.ts";
import { selectSessions } from "./selection.ts";
import type { Ask, AskEach } from "./sql.ts";

export interface FileFilter {
  readonly since?: number | undefined;
  /** A session that was in the sandbox. */
  readonly session?: string | undefined;
  readonly source?: string | undefined;
  readonly sandbox?: string | undefined;
  /** Also what services went on writing by themselves. */
  readonly grown?: boolean | undefined;
}

/** The reading side of the index, beside a writer that goes on writing. */
export class IndexReader implements Disposable {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();
  /** For questions that stand in files of their own. */
  readonly ask: Ask = ({ text, values }) => this.#statement(text).all(...values);
  /** The same, one row at a time: for answers that are long. The next question to the same end ends it. */
  readonly askEach: AskEach = ({ text, values }) => this.#statement(text).iterate(...values);

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

  /** On a database of this version. */
  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  [Symbol.dispose](): void {
    this.#prepared.clear();
    this.#database.close();
  }

  /** Most recent first. */
  sessions(filter: SessionFilter = {}): SessionRow[] {
    return selectSessions(this.ask, filter).flatMap((id) => this.session(id) ?? []);
  }

  /** The texts of a session that are so; of many the first, as they came. */
  matches(session: string, conditions: readonly TextCondition[]): Match[] {
    return matchesOf(this.ask, session, conditions);
  }

  /** How many recordings are still to be taken in; undefined while nobody has counted them. */
  waiting(): number | undefined {
    const row = this.#statement("SELECT count(*) AS n, min(session) AS first FROM waiting").get();
    return row?.["first"] === "" ? undefined : Number(row?.["n"]);
  }

  session(id: string): SessionRow | undefined {
    const row = this.#statement("SELECT * FROM sessions WHERE id = ?").get(id);
    return row === undefined ? undefined : this.#sessionRow(row);
  }

  /**
   * The sandbox of a session as it was captured after it (the last one that this same end caused, if there are several), and as it had
   * been captured last without it: what differs came about while the session was there, or by what it left running. Each is a capture's id.
   */
  capturesAround(
    session: string,
  ): { readonly after: string; readonly before: string | undefined } | undefined {
    const first = this.#statement(
      `SELECT captures.session, sandbox FROM capture_sessions
         JOIN captures ON captures.id = capture_sessions.capture
         WHERE capture_sessions.session = ? ORDER BY taken_us, captures.id LIMIT 1`,
    ).get(session);
    if (first === undefined) return undefined;
    const after = this.#statement(
      "SELECT id, sandbox, taken_us FROM captures WHERE sandbox = ? AND session = ? ORDER BY taken_us DESC, id DESC LIMIT 1",
    ).get(first["sandbox"] ?? null, first["session"] ?? null);
    if (after === undefined) return undefined;
    const before = this.#statement(
      `SELECT id FROM captures WHERE sandbox = ? AND taken_us < ? AND NOT EXISTS
         (SELECT 1 FROM capture_sessions WHERE capture = captures.id AND capture_sessions.session = ?)
         ORDER BY taken_us DESC, id DESC LIMIT 1`,
    ).get(after["sandbox"] ?? null, after["taken_us"] ?? null, session);
    return { after: String(after["id"]), before: optionalText(before?.["id"]) };
  }

  /**
   * Changes as they were first seen: a capture tells everything that differs from the image, so the same change stands in all later
   * captures of its sandbox. In the order of the captures, and in these as they were found. Without what services wrote by themselves,
   * unless that is asked for.
   */
  files(filter: FileFilter = {}): FileRow[] {
    const { session, since, sandbox, source, grown } = filter;
    if (session !== undefined) {
      const around = this.capturesAround(session);
      if (around === undefined) return [];
      const known =
        around.before === undefined ? [] : this.#filesWhere("captures.id = ?", around.before, grown);
      return newAmong(this.#filesWhere("captures.id = ?", around.after, grown), known).filter(
        (row) => since === undefined || row.takenAt >= since,
      );
    }
    const rows =
      sandbox === undefined
        ? this.#filesWhere(comparison("captures.source", source ?? "*"), globOf(source ?? "*"), grown)
        : this.#filesWhere("captures.sandbox = ?", sandbox, grown);
    return newAmong(rows, []).filter((row) => since === undefined || row.takenAt >= since);
  }

  #filesWhere(where: string, value: string, grown = false): FileRow[] {
    const sql = `SELECT files.*, captures.sandbox, captures.source, captures.taken_us
      FROM captures JOIN files ON files.capture = captures.id
      WHERE ${where} ${grown ? "" : "AND files.grown IS NULL"} ORDER BY taken_us, files.capture, files.ordinal`;
    return this.#statement(sql).all(value).map(fileRow);
  }

  #statement(text: string): StatementSync {
    let statement = this.#prepared.get(text);
    if (statement === undefined) this.#prepared.set(text, (statement = this.#database.prepare(text)));
    return statement;
  }

  #sessionRow(row: Row): SessionRow {
    const id = String(row["id"]);
    const files = this.files({ session: id }).filter(({ type }) => type !== "directory").length;
    const late = this.#statement("SELECT tries FROM late_network WHERE session = ?").get(id);
    const known = sessionRow(row);
    return { ...known, files, network: known.network + Number(late?.["tries"] ?? 0) };
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
    ...password(text("password")),
    method: text("method"),
    profile: text("profile"),
    loggedIn: row["logged_in"] === 1,
    endReason: text("end_reason"),
    sandbox: text("sandbox"),
    sandboxState: text("sandbox_state"),
    attempts: number("attempts"),
    channels: number("channels"),
    commands: number("commands"),
    transfers: number("transfers"),
    forwards: number("forwards"),
    network: number("network"),
    received: number("received"),
    sent: number("sent"),
    files: 0,
  };
}

function password(kept: string | undefined): Pick<SessionRow, "password" | "passwordDropped"> {
  return kept === DROPPED
    ? { password: undefined, passwordDropped: true }
    : { password: kept as ByteString | undefined, passwordDropped: undefined };
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
    grown: row["grown"] === 1 || undefined,
  };
  const capture = optionalText(row["capture"]) ?? "";
  const { session } = parseCaptureId(capture);
  return {
    id: `${capture}.${Number(row["ordinal"])}`,
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
