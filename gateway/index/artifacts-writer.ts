import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { contentTypeOf, TYPE_BYTES } from "../evidence/content-type.ts";
import type { LateFactRead } from "../evidence/late-facts.ts";
import type { Observation } from "../evidence/observation.ts";
import { fetchedFiles } from "../evidence/urls.ts";
import type { FileFact } from "../model/file-facts.ts";
import { isMissing } from "../model/missing.ts";
import type { Statements } from "./statements.ts";
import { stored } from "./texts.ts";

const CAREFULLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Writes what files are known by: who ran and deleted them, from where they came, what they are. Within the caller's transaction. */
export class ArtifactsWriter {
  readonly #statements: Statements;
  readonly #folder: string | undefined;

  /** @param folder the artifacts; without it they have no types. */
  constructor(statements: Statements, folder: string | undefined) {
    this.#statements = statements;
    this.#folder = folder;
  }

  /** The whole session. */
  put(session: string, observations: readonly Observation[]): void {
    this.#statements.run("DELETE FROM fetched WHERE session = ?", [session]);
    for (const [name, url] of fetchedFiles(observations))
      this.#statements.run("INSERT OR REPLACE INTO fetched (session, name, url) VALUES (?,?,?)", [
        ...[session, stored(name), stored(url)],
      ]);
    for (const one of observations) if (one.kind === "transfer") this.know(one.sha256);
  }

  /** What was observed since it was told last. */
  tell(session: string, observations: readonly Observation[]): void {
    const facts = observations.filter((one) => one.kind === "file");
    this.#witnessed(session, facts, false);
  }

  /** All of what was seen after the session, in the place of what was told of it before. */
  tellLate(session: string, facts: readonly LateFactRead[]): void {
    this.#statements.run("DELETE FROM witnessed WHERE session = ? AND late = 1", [session]);
    const files = facts.flatMap(({ fact }) => (fact.kind === "file" ? [fact] : []));
    this.#witnessed(session, files, true);
  }

  /** What was told of it while it lived. */
  drop(session: string): void {
    this.#statements.run("DELETE FROM witnessed WHERE session = ? AND late = 0", [session]);
  }

  /** Looks what it is, where that is not known. Not an error where it is not there: it was not kept, or went for its age. */
  know(sha256: string | undefined): void {
    if (sha256 === undefined || this.#folder === undefined) return;
    if (this.#statements.get("SELECT 1 AS yes FROM artifacts WHERE sha256 = ?", sha256) !== undefined) return;
    const head = headOf(join(this.#folder, sha256));
    if (head === undefined) return;
    const { type, detail } = contentTypeOf(head.bytes);
    this.#statements.run("INSERT INTO artifacts (sha256, size, type, detail) VALUES (?,?,?,?)", [
      ...[sha256, head.size, type, detail],
    ]);
  }

  #witnessed(session: string, facts: readonly FileFact[], late: boolean): void {
    if (facts.length === 0) return;
    const counted = this.#statements.get(
      "SELECT count(*) AS n FROM witnessed WHERE session = ? AND late = ?",
      ...[session, Number(late)],
    );
    let ordinal = Number(counted?.["n"]);
    for (const { time, how, path, size, sha256, leftOut, pid, uid } of facts) {
      this.#statements.run(WITNESSED, [
        ...[session, Number(late), ordinal++, time, how, path, size, sha256, leftOut, pid, uid],
      ]);
      this.know(sha256);
    }
  }
}

const WITNESSED = `INSERT INTO witnessed (session, late, ordinal, at_us, how, path, size, sha256, left_out, pid, uid)
  VALUES (?,?,?,?,?,?,?,?,?,?,?)`;

function headOf(path: string): { readonly bytes: Buffer; readonly size: number } | undefined {
  let fd: number;
  try {
    fd = openSync(path, CAREFULLY);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return undefined;
    const bytes = Buffer.alloc(Math.min(stat.size, TYPE_BYTES));
    return { bytes: bytes.subarray(0, readSync(fd, bytes)), size: stat.size };
  } finally {
    closeSync(fd);
  }
}
