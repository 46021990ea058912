import type { DatabaseSync } from "node:sqlite";

/** Raised when a table changes. An index of another version is thrown away and built again from the recordings. */
export const SCHEMA_VERSION = 1;

/**
 * Strangers' strings are ByteStrings (one character per byte), so that nothing is lost and `instr` searches bytes.
 * Times are microseconds since 1970 (`_us`) or nanoseconds since the session's start (`at_ns`). Paths are relative to the data folder.
 */
const TABLES = `
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  -- live; ended: in order; cut: without an end; damaged: its recording cannot be trusted from some point on
  state TEXT NOT NULL,
  recording TEXT NOT NULL,
  started_us INTEGER NOT NULL,
  duration_us INTEGER NOT NULL,
  source_address TEXT NOT NULL,
  source_port INTEGER NOT NULL,
  listener_address TEXT NOT NULL,
  listener_port INTEGER NOT NULL,
  sensor TEXT NOT NULL,
  persona TEXT NOT NULL,
  client_version TEXT,
  hassh TEXT,
  user TEXT,
  password TEXT,
  method TEXT,
  logged_in INTEGER NOT NULL,
  end_reason TEXT,
  sandbox TEXT,
  sandbox_state TEXT,
  attempts INTEGER NOT NULL,
  channels INTEGER NOT NULL,
  commands INTEGER NOT NULL,
  transfers INTEGER NOT NULL,
  forwards INTEGER NOT NULL,
  received INTEGER NOT NULL,
  sent INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_started ON sessions (started_us);
CREATE INDEX sessions_source ON sessions (source_address, started_us);
CREATE INDEX sessions_user ON sessions (user, started_us);
CREATE INDEX sessions_state ON sessions (state);

CREATE TABLE attempts (
  session TEXT NOT NULL,
  entry INTEGER NOT NULL,
  at_ns INTEGER NOT NULL,
  number INTEGER NOT NULL,
  user TEXT NOT NULL,
  method TEXT NOT NULL,
  password TEXT,
  fingerprint TEXT,
  outcome TEXT,
  decided_by TEXT,
  PRIMARY KEY (session, entry, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_credential ON attempts (user, password);

CREATE TABLE commands (
  session TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  entry INTEGER NOT NULL,
  at_ns INTEGER NOT NULL,
  channel INTEGER NOT NULL,
  way TEXT NOT NULL,
  exact INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (session, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE transfers (
  session TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  entry INTEGER NOT NULL,
  at_ns INTEGER NOT NULL,
  channel INTEGER NOT NULL,
  protocol TEXT NOT NULL,
  direction TEXT NOT NULL,
  path TEXT NOT NULL,
  size INTEGER NOT NULL,
  whole INTEGER NOT NULL,
  sha256 TEXT,
  PRIMARY KEY (session, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX transfers_sha256 ON transfers (sha256);

CREATE TABLE captures (
  -- the session whose end caused it
  session TEXT PRIMARY KEY,
  sandbox TEXT NOT NULL,
  source TEXT NOT NULL,
  taken_us INTEGER NOT NULL,
  cut INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX captures_sandbox ON captures (sandbox, taken_us);

CREATE TABLE capture_sessions (
  capture TEXT NOT NULL,
  session TEXT NOT NULL,
  PRIMARY KEY (session, capture)
) STRICT, WITHOUT ROWID;

CREATE TABLE files (
  capture TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  kind TEXT NOT NULL,
  path TEXT NOT NULL,
  type TEXT NOT NULL,
  size INTEGER,
  mode INTEGER,
  uid INTEGER,
  gid INTEGER,
  modified_at TEXT,
  link_target TEXT,
  sha256 TEXT,
  left_out TEXT,
  PRIMARY KEY (capture, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX files_sha256 ON files (sha256);
`;

/** Makes the tables, if this is a new file. False: the file has another version. */
export function prepareSchema(database: DatabaseSync): boolean {
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version === SCHEMA_VERSION) return true;
  if (version !== 0) return false;
  database.exec(`BEGIN IMMEDIATE; ${TABLES} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
  return true;
}
