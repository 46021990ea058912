import type { SQLOutputValue } from "node:sqlite";
import type { FileFact } from "../model/file-facts.ts";
import { sql, type Ask } from "./sql.ts";
import { given } from "./texts.ts";

/** A file that was run or deleted, with where. */
export interface WitnessedRow extends Omit<FileFact, "kind" | "time"> {
  /** The session, a dot, `w` (`l`: after the session's end) and its place among those. */
  readonly id: string;
  readonly session: string;
  readonly sandbox: string;
  readonly source: string;
  /** Microseconds since 1970. */
  readonly at: number;
}

export interface WitnessedFilter {
  readonly session?: string | undefined;
  readonly since?: number | undefined;
  readonly sandbox?: string | undefined;
  /** As GLOB has it. */
  readonly source?: string | undefined;
}

/** In the order in which they were seen. */
export function witnessedFiles(ask: Ask, filter: WitnessedFilter = {}): WitnessedRow[] {
  const { session = null, since = 0, sandbox = null, source = null } = filter;
  return ask(sql`SELECT witnessed.*, sessions.sandbox, sessions.source_address FROM witnessed
    JOIN sessions ON sessions.id = witnessed.session
    WHERE at_us >= ${since} AND (${session} IS NULL OR witnessed.session = ${session})
      AND (${sandbox} IS NULL OR sessions.sandbox = ${sandbox})
      AND (${source} IS NULL OR sessions.source_address GLOB ${source})
    ORDER BY at_us, witnessed.session, late, witnessed.ordinal`).map(witnessedRow);
}

/** What a content is; undefined where its artifact was never looked at. */
export function typeOf(ask: Ask, sha256: string): ArtifactType | undefined {
  const row = ask(sql`SELECT * FROM artifacts WHERE sha256 = ${sha256}`)[0];
  if (row === undefined) return undefined;
  return { type: text(row["type"]), ...optional("detail", row["detail"]), size: Number(row["size"]) };
}

export interface ArtifactType {
  readonly type: string;
  readonly detail?: string;
  /** Bytes. */
  readonly size: number;
}

/** One time that somebody had the content. */
export interface Sighting {
  /** Microseconds since 1970. */
  readonly at: number;
  /** How it was seen; `captured`: it was there when the sandbox was captured. */
  readonly how: FileFact["how"] | "uploaded" | "downloaded" | "captured";
  readonly session: string;
  /** The address that the session came from. */
  readonly source: string;
  readonly path: string;
  /** That a command of the session fetched a file of this name from. */
  readonly url?: string;
}

/** All of them, first to last. */
export function sightingsOf(ask: Ask, sha256: string): Sighting[] {
  const rows = ask(sql`
    SELECT at_us AS at, how, witnessed.session, source_address, path FROM witnessed
      JOIN sessions ON sessions.id = witnessed.session WHERE witnessed.sha256 = ${sha256}
    UNION ALL
    SELECT started_us + at_ns / 1000, CASE direction WHEN 'upload' THEN 'uploaded' ELSE 'downloaded' END, session, source_address, path
      FROM transfers JOIN sessions ON sessions.id = transfers.session WHERE sha256 = ${sha256}
    UNION ALL
    SELECT taken_us, 'captured', captures.session, source_address, path FROM files
      JOIN captures ON captures.id = files.capture JOIN sessions ON sessions.id = captures.session WHERE sha256 = ${sha256}
    ORDER BY 1, 3, 2, 5`);
  return rows.map((row) => {
    const [session, path] = [text(row["session"]), text(row["path"])];
    const name = path.slice(path.lastIndexOf("/") + 1);
    const url = ask(sql`SELECT url FROM fetched WHERE session = ${session} AND name = ${name}`)[0]?.["url"];
    return {
      ...{ at: Number(row["at"]), how: text(row["how"]) as Sighting["how"], session, path },
      source: text(row["source_address"]),
      ...(typeof url === "string" ? { url: given(url) } : {}),
    };
  });
}

function witnessedRow(row: Record<string, SQLOutputValue>): WitnessedRow {
  return {
    id: `${text(row["session"])}.${row["late"] === 1 ? "l" : "w"}${Number(row["ordinal"])}`,
    session: text(row["session"]),
    sandbox: text(row["sandbox"]),
    source: text(row["source_address"]),
    at: Number(row["at_us"]),
    how: text(row["how"]),
    path: text(row["path"]),
    size: Number(row["size"]),
    ...optional("sha256", row["sha256"]),
    ...optional("leftOut", row["left_out"]),
    ...optional("pid", row["pid"]),
    ...optional("uid", row["uid"]),
  } as WitnessedRow;
}

function optional(name: string, value: SQLOutputValue | undefined) {
  return value === null || value === undefined ? {} : { [name]: value };
}

function text(value: SQLOutputValue | undefined): string {
  return typeof value === "string" ? value : "";
}
