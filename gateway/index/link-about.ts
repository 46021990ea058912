import type { ByteString } from "../model/bytes.ts";
import { DROPPED } from "./schema.ts";
import { sql, type Ask } from "./sql.ts";
import { given } from "./texts.ts";

/** Who had to do with a file or a key, and how. */
export interface Holding {
  readonly source: string;
  readonly session: string;
  /** Of the session, microseconds since 1970. */
  readonly started: number;
  readonly how: "uploaded" | "downloaded" | "left in the sandbox" | "planted" | "showed" | "logged in with";
  /** Of a file. */
  readonly path?: ByteString;
}

/** What sessions have: by it they are linked to others. */
export interface Belongings {
  readonly sessions: number;
  /** Microseconds since 1970. */
  readonly first: number;
  readonly last: number;
  readonly sandboxes: readonly string[];
  /** What let them in. */
  readonly logins: readonly { readonly user: ByteString; readonly password?: ByteString }[];
  readonly artifacts: readonly { readonly sha256: string; readonly path: ByteString }[];
  readonly keys: readonly string[];
}

/** Of one kind. */
const MOST_TOLD = 20;
const MOST_HOLDINGS = 1000;

export function belongingsOf(ask: Ask, sessions: readonly string[]): Belongings {
  const among = sql`json_each(${JSON.stringify(sessions)}) AS among CROSS JOIN sessions ON sessions.id = among.value`;
  const [span] = ask(sql`SELECT min(started_us) AS first, max(started_us) AS last FROM ${among}`);
  return {
    sessions: sessions.length,
    first: Number(span?.["first"] ?? 0),
    last: Number(span?.["last"] ?? 0),
    sandboxes: ask(
      sql`SELECT DISTINCT sandbox FROM ${among} WHERE sandbox IS NOT NULL ORDER BY started_us LIMIT ${MOST_TOLD}`,
    ).map((row) => String(row["sandbox"])),
    logins: ask(
      sql`SELECT DISTINCT user, password FROM ${among} WHERE logged_in = 1 AND user IS NOT NULL ORDER BY started_us LIMIT ${MOST_TOLD}`,
    ).map(({ user, password }) => ({
      user: String(user) as ByteString,
      ...(password === null || password === DROPPED ? {} : { password: String(password) as ByteString }),
    })),
    artifacts: ask(
      sql`SELECT sha256, min(path) AS path FROM (
          SELECT transfers.sha256, transfers.path FROM ${among} CROSS JOIN transfers ON transfers.session = sessions.id
          WHERE transfers.sha256 IS NOT NULL
          UNION SELECT files.sha256, files.path FROM ${among} CROSS JOIN capture_sessions ON capture_sessions.session = sessions.id
          CROSS JOIN files ON files.capture = capture_sessions.capture WHERE files.sha256 IS NOT NULL AND files.grown IS NULL)
        GROUP BY sha256 ORDER BY path LIMIT ${MOST_TOLD}`,
    ).map((row) => ({ sha256: String(row["sha256"]), path: String(row["path"]) as ByteString })),
    keys: ask(
      sql`SELECT DISTINCT texts.text FROM ${among} CROSS JOIN mentions ON mentions.session = sessions.id
        CROSS JOIN texts ON texts.id = mentions.text WHERE texts.kind = 'key' AND texts.text LIKE 'SHA256:%' ORDER BY texts.text LIMIT ${MOST_TOLD}`,
    ).map((row) => given(String(row["text"]))),
  };
}

/** The earliest first, each session once for each way. @param sha256 or the beginning of one. */
export function holdingsOfFile(ask: Ask, sha256: string): Holding[] {
  const is = (column: string) => ({
    text: `${column} >= ? AND ${column} <= ?`,
    values: [sha256, `${sha256}g`],
  });
  return [
    ...holdings(
      ask(
        sql`SELECT sessions.id AS session, source_address AS source, started_us AS started, transfers.path,
            iif(direction = 'upload', 'uploaded', 'downloaded') AS how
          FROM transfers CROSS JOIN sessions ON sessions.id = transfers.session WHERE ${is("transfers.sha256")}
          ORDER BY started_us LIMIT ${MOST_HOLDINGS}`,
      ),
    ),
    ...holdings(
      ask(
        sql`SELECT sessions.id AS session, source_address AS source, started_us AS started, files.path, 'left in the sandbox' AS how
          FROM files CROSS JOIN captures ON captures.id = files.capture CROSS JOIN sessions ON sessions.id = captures.session
          WHERE ${is("files.sha256")} ORDER BY started_us LIMIT ${MOST_HOLDINGS}`,
      ),
    ),
  ];
}

/** @param fingerprint `SHA256:…` or as MD5 has it. */
export function holdingsOfKey(ask: Ask, key: number, fingerprint: string): Holding[] {
  return holdings(
    ask(
      sql`SELECT sessions.id AS session, source_address AS source, sessions.started_us AS started, NULL AS path,
          iif(sessions.logged_in = 1 AND sessions.method = 'publickey' AND NOT EXISTS (
              SELECT 1 FROM mentions AS others CROSS JOIN texts ON texts.id = others.text
              WHERE others.session = sessions.id AND texts.kind = 'key' AND others.at_ns > mentions.at_ns
              AND (texts.text LIKE 'SHA256:%') = ${Number(fingerprint.startsWith("SHA256:"))}),
            'logged in with', 'showed') AS how
        FROM mentions CROSS JOIN sessions ON sessions.id = mentions.session WHERE mentions.text = ${key}
        ORDER BY mentions.started_us LIMIT ${MOST_HOLDINGS}`,
    ),
  );
}

/** @param key of the texts, as indicators have it. */
export function plantingsOfKey(ask: Ask, key: number): Holding[] {
  return holdings(
    ask(
      sql`SELECT sessions.id AS session, source_address AS source, sessions.started_us AS started, NULL AS path, 'planted' AS how
        FROM (SELECT session FROM mentions WHERE text = ${key} UNION SELECT cause FROM findings WHERE text = ${key}) AS by
        CROSS JOIN sessions ON sessions.id = by.session ORDER BY sessions.started_us LIMIT ${MOST_HOLDINGS}`,
    ),
  );
}

function holdings(rows: ReturnType<Ask>): Holding[] {
  const told = new Map<string, Holding>();
  for (const { session, source, started, how, path } of rows) {
    const key = `${String(session)} ${String(how)}`;
    if (told.has(key)) continue;
    told.set(key, {
      source: String(source),
      session: String(session),
      started: Number(started),
      how: String(how) as Holding["how"],
      ...(path === null || path === undefined ? {} : { path: String(path) as ByteString }),
    });
  }
  return [...told.values()];
}
