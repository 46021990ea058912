/** What sessions are linked and summed up by, beside what they are found by. Part of the schema. */
export const LINK_TABLES = `
CREATE INDEX attempts_pair ON attempts (password, user) WHERE password IS NOT NULL;

CREATE TABLE traits (
  session TEXT PRIMARY KEY,
  -- human, machine or unknown, and by which rule
  typist TEXT NOT NULL,
  typist_rule TEXT NOT NULL,
  -- of the pairs of name and password in the order in which they were tried; NULL where they were few
  list BLOB,
  -- different ones
  pairs INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX traits_typist ON traits (typist);
CREATE INDEX traits_list ON traits (list) WHERE list IS NOT NULL;

-- What its sandbox tried on its network, while it was there and afterwards.
CREATE TABLE network_tries (
  session TEXT NOT NULL,
  late INTEGER NOT NULL,
  rule TEXT NOT NULL,
  protocol TEXT NOT NULL,
  -- empty, and port 0: others than those told apart
  address TEXT NOT NULL,
  port INTEGER NOT NULL,
  name TEXT NOT NULL,
  tries INTEGER NOT NULL,
  PRIMARY KEY (session, late, rule, protocol, address, port, name)
) STRICT, WITHOUT ROWID;

-- The same in the order of time, for another policy to be tried on: the first of them, each connection once.
CREATE TABLE connects (
  session TEXT NOT NULL,
  late INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  rule TEXT NOT NULL,
  protocol TEXT NOT NULL,
  address TEXT NOT NULL,
  port INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  -- bytes that a sinkhole was sent
  sent INTEGER NOT NULL,
  PRIMARY KEY (session, late, ordinal)
) STRICT, WITHOUT ROWID;

-- As evidence/pace.ts makes it; of sessions that were let in.
CREATE TABLE paces (
  session TEXT PRIMARY KEY,
  logged_in_us INTEGER NOT NULL,
  -- JSON
  pauses TEXT NOT NULL,
  growth TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`;

/** The tables among them that have rows of a session. */
export const LINK_TABLES_OF_SESSION = ["traits", "network_tries", "connects", "paces"] as const;
