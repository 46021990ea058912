/** What each table says. Texts have their numbers in the order in which they came, so rows that cite one are compared by what it says. */
export const ROWS: Readonly<Record<string, string>> = {
  waiting: "SELECT * FROM waiting",
  ...Object.fromEntries(
    ["sessions", "transfers", "captures", "capture_sessions", "files", "late_network", "stays"].map(
      (name) => [name, `SELECT * FROM ${name} ORDER BY 1, 2`],
    ),
  ),
  traits: "SELECT session, typist, typist_rule, hex(list), pairs FROM traits ORDER BY 1",
  network_tries: "SELECT * FROM network_tries ORDER BY 1, 2, 3, 4, 5, 6, 7",
  connects: "SELECT * FROM connects ORDER BY 1, 2, 3",
  paces: "SELECT * FROM paces ORDER BY 1",
  texts: "SELECT kind, text, hex(digest) FROM texts ORDER BY 1, 2",
  parts: "SELECT term, doc FROM texts_threes ORDER BY 1",
  mentions:
    "SELECT kind, texts.text, session, started_us, at_ns FROM mentions JOIN texts ON texts.id = mentions.text ORDER BY 1, 2, 3",
  attempts: `SELECT session, entry, at_ns, number, users.text, method, passwords.text AS password, outcome, decided_by FROM attempts
    LEFT JOIN texts AS users ON users.id = user LEFT JOIN texts AS passwords ON passwords.id = password ORDER BY 1, 2, 4`,
  file_indicators: `SELECT capture, ordinal, texts.kind, texts.text FROM file_indicators JOIN texts ON texts.id = file_indicators.text ORDER BY 1, 2, 3, 4`,
  indicators: "SELECT * FROM indicators ORDER BY 1, 2, 3, 4",
  witnessed: "SELECT * FROM witnessed ORDER BY 1, 2, 3",
  fetched: "SELECT * FROM fetched ORDER BY 1, 2",
  artifacts: "SELECT * FROM artifacts ORDER BY 1",
  findings: `SELECT sandbox, hex(change), texts.kind, texts.text, taken_us, capture, cause FROM findings
    JOIN texts ON texts.id = findings.text ORDER BY 1, 2, 3, 4`,
};
