import type { DatabaseSync } from "node:sqlite";
import { ARTIFACT_TABLES } from "./artifact-tables.ts";
import { INDICATOR_TABLES } from "./indicator-tables.ts";
import { LINK_TABLES } from "./link-tables.ts";

/** In a data folder. */
export const INDEX_FILE = "index.sqlite";

/** Raised when a table changes. An index of another version is thrown away and built again from the recordings. */
export const SCHEMA_VERSION = 10;

/** Stands in the place of a password that retention has dropped. No byte is its first character, so no stranger can have sent it. */
export const DROPPED = "\u0101dropped";

/**
 * Strangers' strings are ByteStrings (one character per byte), so that nothing is lost and `instr` searches bytes.
 * Times are microseconds since 1970 (`_us`) or nanoseconds since the session's start (`at_ns`). Paths are relative to the data folder.
 *
 * What sessions are found by stands once in `texts`, however many say it, and `mentions` say who did: bots say the same, so an index
 * grows by what is new. Every index here is one that `selection.ts` reads along; its test holds both against each other.
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
  -- as addressKey makes it; NULL where the address is none
  source_key BLOB,
  source_port INTEGER NOT NULL,
  listener_address TEXT NOT NULL,
  listener_port INTEGER NOT NULL,
  sensor TEXT NOT NULL,
  persona TEXT NOT NULL,
  client_version TEXT,
  hassh TEXT,
  user TEXT,
  -- or DROPPED
  password TEXT,
  method TEXT,
  -- of the policy's profile that held for it
  profile TEXT,
  logged_in INTEGER NOT NULL,
  end_reason TEXT,
  sandbox TEXT,
  sandbox_state TEXT,
  attempts INTEGER NOT NULL,
  channels INTEGER NOT NULL,
  commands INTEGER NOT NULL,
  transfers INTEGER NOT NULL,
  forwards INTEGER NOT NULL,
  network INTEGER NOT NULL,
  received INTEGER NOT NULL,
  sent INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_started ON sessions (started_us);
CREATE INDEX sessions_source ON sessions (source_key, started_us);
CREATE INDEX sessions_login ON sessions (logged_in, started_us);
CREATE INDEX sessions_duration ON sessions (duration_us);
CREATE INDEX sessions_state ON sessions (state);
CREATE INDEX sessions_profile ON sessions (profile, started_us);

-- As stored makes them, with the parts of them that can be found.
CREATE TABLE texts (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  digest BLOB NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX texts_digest ON texts (kind, digest);
CREATE VIRTUAL TABLE texts_parts USING fts5 (
  text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);
CREATE VIRTUAL TABLE texts_threes USING fts5vocab (texts_parts, row);

-- When the session said it first.
CREATE TABLE mentions (
  text INTEGER NOT NULL,
  started_us INTEGER NOT NULL,
  session TEXT NOT NULL,
  at_ns INTEGER NOT NULL,
  PRIMARY KEY (text, started_us, session)
) STRICT, WITHOUT ROWID;
CREATE INDEX mentions_session ON mentions (session);

CREATE TABLE attempts (
  session TEXT NOT NULL,
  entry INTEGER NOT NULL,
  at_ns INTEGER NOT NULL,
  number INTEGER NOT NULL,
  -- of texts; NULL also where the session's texts were too many, or the password was dropped
  user INTEGER,
  method TEXT NOT NULL,
  password INTEGER,
  outcome TEXT,
  decided_by TEXT,
  PRIMARY KEY (session, entry, number)
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
  -- as captureId makes it
  id TEXT PRIMARY KEY,
  -- the session whose end caused it
  session TEXT NOT NULL,
  sandbox TEXT NOT NULL,
  source TEXT NOT NULL,
  taken_us INTEGER NOT NULL,
  cut INTEGER NOT NULL,
  -- bytes that the sandbox had sent and received by then; NULL where that is not known
  up INTEGER,
  down INTEGER,
  -- 1: one of its caps was used up; there may have been more in hours before
  spent INTEGER,
  hourly INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX captures_sandbox ON captures (sandbox, taken_us);

-- What was tried on the network after the session: rows of what was worked through.
CREATE TABLE late_network (
  session TEXT PRIMARY KEY,
  tries INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

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
  -- 1, or NULL
  grown INTEGER,
  PRIMARY KEY (capture, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX files_sha256 ON files (sha256);

-- A path or hash of a change, with the first capture of its sandbox that tells the change. All later ones tell it again.
CREATE TABLE findings (
  sandbox TEXT NOT NULL,
  change BLOB NOT NULL,
  text INTEGER NOT NULL,
  taken_us INTEGER NOT NULL,
  capture TEXT NOT NULL,
  -- the session whose end caused that capture
  cause TEXT NOT NULL,
  PRIMARY KEY (sandbox, change, text)
) STRICT, WITHOUT ROWID;
CREATE INDEX findings_text ON findings (text, cause);
CREATE INDEX findings_cause ON findings (cause, text);

-- The first capture that names the session among those that were in the sandbox: its changes may be the session's.
CREATE TABLE stays (
  session TEXT PRIMARY KEY,
  taken_us INTEGER NOT NULL,
  capture TEXT NOT NULL,
  cause TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX stays_cause ON stays (cause);

-- Sessions that are to be taken in. One without an id stands for all, until they are counted.
CREATE TABLE waiting (
  session TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
INSERT INTO waiting (session) VALUES ('');
`;

/** Makes the tables, if this is a new file. False: the file has another version. */
export function prepareSchema(database: DatabaseSync): boolean {
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version === SCHEMA_VERSION) return true;
  if (version !== 0) return false;
  const tables = [TABLES, LINK_TABLES, INDICATOR_TABLES, ARTIFACT_TABLES].join("\n");
  database.exec(`BEGIN IMMEDIATE; ${tables} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
  return true;
}
