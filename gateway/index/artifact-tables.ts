/** What files are known by, beside captures and transfers. Part of the schema. */
export const ARTIFACT_TABLES = `
-- Files that were run or deleted, as the witness told it, while the session was there and afterwards.
CREATE TABLE witnessed (
  session TEXT NOT NULL,
  late INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  how TEXT NOT NULL,
  path TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha256 TEXT,
  left_out TEXT,
  pid INTEGER,
  uid INTEGER,
  PRIMARY KEY (session, late, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX witnessed_sha256 ON witnessed (sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX witnessed_at ON witnessed (at_us);

-- By the last parts of their paths: what commands of a session fetched from where.
CREATE TABLE fetched (
  session TEXT NOT NULL,
  name TEXT NOT NULL,
  url TEXT NOT NULL,
  PRIMARY KEY (session, name)
) STRICT, WITHOUT ROWID;

-- What the content is that lies in artifacts under this name.
CREATE TABLE artifacts (
  sha256 TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  type TEXT NOT NULL,
  detail TEXT
) STRICT, WITHOUT ROWID;
`;

/** The tables among them that have rows of a session. */
export const ARTIFACT_TABLES_OF_SESSION = ["witnessed", "fetched"] as const;
