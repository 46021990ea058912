import { hash } from "node:crypto";
import type { FoundInCapture } from "../evidence/indicators/capture-indicators.ts";
import type { Capture, Change } from "../model/capture.ts";
import type { SessionId } from "../model/ids.ts";
import { parseMicros } from "../model/timestamps.ts";
import { captureId } from "./captures.ts";
import { sameness } from "./rows.ts";
import type { Statements } from "./statements.ts";
import type { TextsWriter } from "./texts-writer.ts";
import { MOST_TEXTS, stored } from "./texts.ts";

/** Writes captures, and what sessions are found by of them. */
export class CapturesWriter {
  readonly #statements: Statements;
  readonly #texts: TextsWriter;

  constructor(statements: Statements, texts: TextsWriter) {
    this.#statements = statements;
    this.#texts = texts;
  }

  /** @param session the one beside whose recording the capture lies, as its `ordinal`th. */
  put(session: SessionId, ordinal: number, capture: Capture, indicators?: FoundInCapture): void {
    const id = captureId(session, ordinal);
    const { sandbox, source, takenAt, cut, traffic } = capture;
    const taken = parseMicros(takenAt) || 0;
    const first = { taken, capture: id, cause: session };
    const run = (sql: string, values: Parameters<Statements["run"]>[1]) => {
      this.#statements.run(sql, values);
    };
    run("DELETE FROM files WHERE capture = ?", [id]);
    run("DELETE FROM file_indicators WHERE capture = ?", [id]);
    run("DELETE FROM capture_sessions WHERE capture = ?", [id]);
    run(
      "INSERT OR REPLACE INTO captures (id, session, sandbox, source, taken_us, cut, up, down, spent, hourly) VALUES (?,?,?,?,?,?,?,?,?,?)",
      [
        ...[id, session, sandbox, source, taken, Number(cut), traffic?.up, traffic?.down],
        ...(traffic === undefined
          ? [undefined, undefined]
          : [Number(traffic.spent ?? false), Number(traffic.hourly ?? false)]),
      ],
    );
    for (const one of new Set([session, ...capture.sessions])) {
      run("INSERT INTO capture_sessions (capture, session) VALUES (?,?)", [id, one]);
      this.stayed(one, first);
    }
    for (const [place, change] of capture.changes.entries()) {
      run(FILE, [
        ...[id, place, change.kind, change.path, change.type, change.size, change.mode, change.uid],
        ...[
          change.gid,
          change.modifiedAt,
          change.linkTarget,
          change.sha256,
          change.leftOut,
          change.grown && 1,
        ],
      ]);
      const told = (indicators?.get(place) ?? []).map(({ kind, value }) =>
        this.#texts.put(kind, stored(value)),
      );
      for (const text of told)
        run("INSERT OR IGNORE INTO file_indicators (capture, ordinal, text) VALUES (?,?,?)", [
          id,
          place,
          text,
        ]);
      this.found(sandbox, place, change, first, told);
    }
  }

  /** Whether a capture taken before that time had this artifact, in any sandbox. */
  seenBefore(sha256: string, takenAt: string): boolean {
    const row = this.#statements.get(
      "SELECT 1 AS yes FROM files JOIN captures ON captures.id = files.capture WHERE files.sha256 = ? AND captures.taken_us < ? LIMIT 1",
      ...[sha256, parseMicros(takenAt) || 0],
    );
    return row !== undefined;
  }

  /** Whether the sandbox held this artifact at that path when it was captured earlier, or it came in by an upload of a session before. */
  toldBefore({ sandbox, sessions, takenAt }: Capture, path: string, sha256: string): boolean {
    const taken = parseMicros(takenAt) || 0;
    const captured = this.#statements.get(
      "SELECT 1 AS yes FROM captures JOIN files ON files.capture = captures.id WHERE captures.sandbox = ? AND captures.taken_us < ? AND files.sha256 = ? AND files.path = ? LIMIT 1",
      ...[sandbox, taken, sha256, path],
    );
    if (captured !== undefined) return true;
    // Sessions that were over by then: whether others are in the index by now is chance.
    const uploaded = this.#statements.get(
      `SELECT 1 AS yes FROM json_each(?) AS among JOIN transfers ON transfers.session = among.value JOIN sessions ON sessions.id = among.value
       WHERE transfers.sha256 = ? AND transfers.direction = 'upload' AND sessions.state <> 'live' AND sessions.started_us + sessions.duration_us <= ? LIMIT 1`,
      ...[JSON.stringify(sessions), sha256, taken],
    );
    return uploaded !== undefined;
  }

  /** A capture names the session. */
  stayed(session: string, { taken, capture, cause }: First): void {
    this.#statements.run(STAY, [session, taken, capture, cause]);
  }

  /**
   * A capture tells the change, in its `place`. A folder is found by what is in it, and no session by what services write in each.
   *
   * @param indicators texts that the change is found by, too.
   */
  found(
    sandbox: string,
    place: number,
    change: Change,
    { taken, capture, cause }: First,
    indicators: readonly number[],
  ): void {
    if (change.type === "directory" || change.grown === true || place >= MOST_TEXTS) return;
    const same = hash("sha256", sameness(change), "buffer").subarray(0, 16);
    const texts = [this.#texts.put("file", stored(change.path))];
    if (change.sha256 !== undefined) texts.push(this.#texts.put("sha256", change.sha256));
    texts.push(...indicators);
    for (const text of texts) this.#statements.run(FINDING, [sandbox, same, text, taken, capture, cause]);
  }
}

/** A capture that may be the first to tell something. */
export interface First {
  /** Microseconds since 1970. */
  readonly taken: number;
  readonly capture: string;
  /** The session whose end caused it. */
  readonly cause: string;
}

const FILE =
  "INSERT INTO files (capture, ordinal, kind, path, type, size, mode, uid, gid, modified_at, link_target, sha256, left_out, grown) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

/** The earliest capture stays, in whatever order they come: a rebuild goes by days and ids. */
const STAY = `INSERT INTO stays (session, taken_us, capture, cause) VALUES (?,?,?,?)
  ON CONFLICT DO UPDATE SET taken_us = excluded.taken_us, capture = excluded.capture, cause = excluded.cause
  WHERE (excluded.taken_us, excluded.capture) < (taken_us, capture)`;
const FINDING = `INSERT INTO findings (sandbox, change, text, taken_us, capture, cause) VALUES (?,?,?,?,?,?)
  ON CONFLICT DO UPDATE SET taken_us = excluded.taken_us, capture = excluded.capture, cause = excluded.cause
  WHERE (excluded.taken_us, excluded.capture) < (taken_us, capture)`;
