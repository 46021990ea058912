/** An index for policies to be tried on. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { INDEX_FILE, prepareSchema } from "../../gateway/index/schema.ts";
import type { RecordedSession } from "../../gateway/policy/try/recorded.ts";

/** An index as the archivist writes it, of these sessions. */
export function writeIndex(folder: string, sessions: readonly RecordedSession[]): void {
  using database = new DatabaseSync(join(folder, INDEX_FILE));
  assert.ok(prepareSchema(database));
  database.exec("DELETE FROM waiting");
  const textId = (kind: string, text: string) => {
    database
      .prepare("INSERT OR IGNORE INTO texts (kind, digest, text) VALUES (?, ?, ?)")
      .run(kind, Buffer.from(text), text);
    return Number(
      database.prepare("SELECT id FROM texts WHERE kind = ? AND text = ?").get(kind, text)?.["id"],
    );
  };
  for (const { id, address, listener, started, ended, loggedIn, attempts, ...rest } of sessions) {
    database
      .prepare(
        `INSERT INTO sessions (id, state, recording, started_us, duration_us, source_address, source_port, listener_address, listener_port, sensor,
          persona, logged_in, attempts, channels, commands, transfers, forwards, network, received, sent)
          VALUES (?, 'ended', '', ?, ?, ?, 1, ?, ?, '', '', ?, ?, 0, 0, 0, 0, 0, ?, 0)`,
      )
      .run(
        ...[id, started, ended - started, address, listener.address, listener.port],
        ...[Number(loggedIn), attempts.length, rest.bytes],
      );
    if (loggedIn)
      database
        .prepare("INSERT INTO paces (session, logged_in_us, pauses, growth) VALUES (?, 0, ?, ?)")
        .run(id, JSON.stringify(rest.pauses), JSON.stringify(rest.growth));
    for (const [ordinal, one] of rest.connects.entries())
      database
        .prepare(
          "INSERT INTO connects (session, late, ordinal, at_us, rule, protocol, address, port, tries, sent) VALUES (?,0,?,?,?,?,?,?,?,?)",
        )
        .run(id, ordinal, one.at, one.rule, one.protocol, one.address, one.port, one.tries, one.sent);
    if (rest.traffic !== undefined)
      database
        .prepare(
          "INSERT INTO captures (id, session, sandbox, source, taken_us, cut, up, down, spent, hourly) VALUES (?,?,?,'',?,0,?,?,?,0)",
        )
        .run(id, id, id, ended, rest.traffic.up, rest.traffic.down, Number(rest.traffic.isAtLeast));
    for (const [index, { at, user = "", password, method, outcome, by }] of attempts.entries())
      database
        .prepare(
          "INSERT INTO attempts (session, entry, at_ns, number, user, method, password, outcome, decided_by) VALUES (?,?,?,?,?,?,?,?,?)",
        )
        .run(
          id,
          index,
          (at - started) * 1000,
          index,
          textId("user", user),
          method,
          password === undefined ? null : textId("password", password),
          outcome ?? null,
          by ?? null,
        );
  }
}
