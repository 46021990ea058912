import type { Change } from "../model/capture.ts";
import { ARTIFACT_TABLES_OF_SESSION } from "./artifact-tables.ts";
import type { CapturesWriter } from "./captures-writer.ts";
import { LINK_TABLES_OF_SESSION } from "./link-tables.ts";
import type { Statements } from "./statements.ts";

/**
 * Takes a session out of the index, with the captures beside its recording, as if its folder had never been there. What only it had
 * said is gone with it. Within the caller's transaction.
 */
export function forget(statements: Statements, captures: CapturesWriter, session: string): void {
  const run = (sql: string, ...values: string[]) => {
    statements.run(sql, values);
  };
  const texts = textsOfSession(statements, session);
  const artifacts = artifactsOf(statements, session);
  for (const table of [
    "mentions",
    "attempts",
    "transfers",
    "late_network",
    "waiting",
    ...LINK_TABLES_OF_SESSION,
    ...ARTIFACT_TABLES_OF_SESSION,
  ])
    run(`DELETE FROM ${table} WHERE session = ?`, session);
  run("DELETE FROM sessions WHERE id = ?", session);

  const own = statements.all("SELECT id, sandbox FROM captures WHERE session = ?", session);
  for (const { id } of own) {
    for (const { text } of statements.all("SELECT text FROM findings WHERE cause = ?", session))
      texts.add(Number(text));
    for (const table of ["files", "file_indicators", "capture_sessions"])
      run(`DELETE FROM ${table} WHERE capture = ?`, String(id));
    run("DELETE FROM captures WHERE id = ?", String(id));
  }
  run("DELETE FROM findings WHERE cause = ?", session);
  run("DELETE FROM stays WHERE cause = ?", session);
  for (const sandbox of new Set(own.map((capture) => String(capture["sandbox"]))))
    tellAgain(statements, captures, sandbox);

  forgetUnsaid(statements, texts);
  for (const sha256 of artifacts)
    if (statements.get(HAD, sha256, sha256, sha256) === undefined)
      run("DELETE FROM artifacts WHERE sha256 = ?", sha256);
}

const HAD = `SELECT 1 FROM witnessed WHERE sha256 = ? UNION ALL SELECT 1 FROM transfers WHERE sha256 = ?
  UNION ALL SELECT 1 FROM files WHERE sha256 = ? LIMIT 1`;

/** The contents that a session had, with the captures beside its recording. */
function artifactsOf(statements: Statements, session: string): string[] {
  const rows = statements.all(
    `SELECT sha256 FROM witnessed WHERE session = ? UNION SELECT sha256 FROM transfers WHERE session = ?
      UNION SELECT sha256 FROM files JOIN captures ON captures.id = files.capture WHERE captures.session = ?`,
    ...[session, session, session],
  );
  return rows.flatMap(({ sha256 }) => (typeof sha256 === "string" ? [sha256] : []));
}

/** The texts that a session mentions. */
export function textsOfSession(statements: Statements, session: string): Set<number> {
  const rows = statements.all("SELECT text FROM mentions WHERE session = ?", session);
  return new Set(rows.map(({ text }) => Number(text)));
}

/** Those of the texts go that nobody says any more. Within the caller's transaction. */
export function forgetUnsaid(statements: Statements, texts: Iterable<number>): void {
  for (const text of texts) {
    const said =
      "SELECT 1 FROM mentions WHERE text = ? UNION ALL SELECT 1 FROM findings WHERE text = ? LIMIT 1";
    if (statements.get(said, text, text) !== undefined) continue;
    statements.run("DELETE FROM texts WHERE id = ?", [text]);
    statements.run("DELETE FROM texts_parts WHERE rowid = ?", [text]);
  }
}

/** What was first told by a capture that is gone is told by a later one of the sandbox. */
function tellAgain(statements: Statements, captures: CapturesWriter, sandbox: string): void {
  for (const row of statements.all("SELECT id, session, taken_us FROM captures WHERE sandbox = ?", sandbox)) {
    const first = {
      taken: Number(row["taken_us"]),
      capture: String(row["id"]),
      cause: String(row["session"]),
    };
    for (const { session } of statements.all(
      "SELECT session FROM capture_sessions WHERE capture = ?",
      first.capture,
    ))
      captures.stayed(String(session), first);
    for (const file of statements.all("SELECT * FROM files WHERE capture = ?", first.capture))
      captures.found(sandbox, Number(file["ordinal"]), changeOf(file), first, indicatorsOf(statements, file));
  }
}

function indicatorsOf(statements: Statements, { capture, ordinal }: Record<string, unknown>): number[] {
  const rows = statements.all(
    "SELECT text FROM file_indicators WHERE capture = ? AND ordinal = ?",
    ...[String(capture), Number(ordinal)],
  );
  return rows.map(({ text }) => Number(text));
}

function changeOf(row: Record<string, unknown>): Change {
  const { kind, path, type, mode, uid, gid, size, modified_at, link_target, sha256, grown } = row;
  const told = {
    mode,
    uid,
    gid,
    size,
    modifiedAt: modified_at,
    linkTarget: link_target,
    sha256,
    grown: grown === 1 || null,
  };
  const there = Object.entries(told).filter(([, value]) => value !== null);
  return { kind, path, type, ...Object.fromEntries(there) } as Change;
}
