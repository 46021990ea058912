import { joined, sql, type Ask } from "./sql.ts";
import { digestOf, type TextKind } from "./texts.ts";

/** Sessions of a source that are looked at, the latest first. */
export const MOST_OWN_SESSIONS = 500;
const MOST_TEXTS = 500;
const MOST_PAIRS = 1000;
const MOST_ATTEMPTS = 5000;
const MOST_SET = 200;
const MOST_LISTS = 100;
const MOST_CLIENTS = 50;

/** The file without a byte, which everybody has. */
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Kinds of texts that are told by what was said and by what was captured. */
const COMMON_KINDS = joined(
  [
    ...(["sha256", "ssh-key", "url", "domain", "address", "hash", "wallet", "pool"] as const),
    ...(["password-changed", "cron", "service"] as const),
  ].map((kind) => sql`${kind satisfies TextKind}`),
  ", ",
);

/** A text that sessions have, with one of them. Numbers of texts are those of the order in which they came, so nothing is sorted by them. */
export interface OwnText {
  readonly id: number;
  readonly kind: TextKind;
  readonly text: string;
  readonly session: string;
}

export interface OwnPair {
  readonly user: number;
  readonly password: number;
  readonly session: string;
}

/** Ids of a source's sessions, the latest first. */
export function sessionsOf(ask: Ask, sourceKey: Uint8Array, most = MOST_OWN_SESSIONS): string[] {
  return ask(
    sql`SELECT id FROM sessions WHERE source_key = ${sourceKey} ORDER BY started_us DESC, id DESC LIMIT ${most}`,
  ).map((row) => String(row["id"]));
}

/** What the sessions say that others may say, too: keys, hashes of transferred files, sandboxes, indicators. */
export function textsSaid(ask: Ask, sessions: readonly string[]): OwnText[] {
  return own(
    ask(
      sql`SELECT texts.id, texts.kind, texts.text, min(among.value) AS session FROM json_each(${JSON.stringify(sessions)}) AS among
        CROSS JOIN mentions ON mentions.session = among.value CROSS JOIN texts ON texts.id = mentions.text
        WHERE texts.kind IN ('key', 'sandbox', ${COMMON_KINDS}) GROUP BY texts.id ORDER BY texts.kind, texts.text LIMIT ${MOST_TEXTS}`,
    ),
  );
}

/** Hashes of what was captured in their sandboxes, and what indicators that told. */
export function textsFound(ask: Ask, sessions: readonly string[]): OwnText[] {
  return own(
    ask(
      sql`WITH among AS (SELECT value AS session, value AS cause FROM json_each(${JSON.stringify(sessions)})
          UNION SELECT stays.session, stays.cause FROM json_each(${JSON.stringify(sessions)}) AS given CROSS JOIN stays ON stays.session = given.value)
        SELECT texts.id, texts.kind, texts.text, min(among.session) AS session FROM among
        CROSS JOIN findings ON findings.cause = among.cause CROSS JOIN texts ON texts.id = findings.text
        WHERE texts.kind IN (${COMMON_KINDS}) GROUP BY texts.id ORDER BY texts.kind, texts.text LIMIT ${MOST_TEXTS}`,
    ),
  );
}

export interface OwnClient {
  readonly hassh: string;
  readonly version: string;
  /** Of texts. */
  readonly ids: { readonly hassh: number; readonly version: number };
  readonly session: string;
}

export function clientsOf(ask: Ask, sessions: readonly string[]): OwnClient[] {
  return ask(
    sql`SELECT hassh, client_version AS version, min(sessions.id) AS session FROM json_each(${JSON.stringify(sessions)}) AS among
      CROSS JOIN sessions ON sessions.id = among.value WHERE hassh IS NOT NULL AND client_version IS NOT NULL
      GROUP BY hassh, client_version ORDER BY hassh, client_version LIMIT ${MOST_CLIENTS}`,
  ).flatMap((row) => {
    const [hassh, version] = [String(row["hassh"]), String(row["version"])];
    const ids = { hassh: textId(ask, "hassh", hassh), version: textId(ask, "client", version) };
    return ids.hassh === undefined || ids.version === undefined
      ? []
      : [
          {
            hassh,
            version,
            ids: { hassh: ids.hassh, version: ids.version },
            session: String(row["session"]),
          },
        ];
  });
}

/** The number of a text, as it is stored, if anybody says it. */
export function textId(ask: Ask, kind: TextKind, text: string): number | undefined {
  const [row] = ask(sql`SELECT id FROM texts WHERE kind = ${kind} AND digest = ${digestOf(kind, text)}`);
  return row === undefined ? undefined : Number(row["id"]);
}

/** Pairs of name and password that they tried, each once, in the order in which they came. @param sessions the latest first. */
export function pairsOf(ask: Ask, sessions: readonly string[]): OwnPair[] {
  const pairs = new Map<string, OwnPair>();
  for (const row of ask(
    sql`SELECT attempts.user, attempts.password, attempts.session FROM json_each(${JSON.stringify(sessions)}) AS among
      CROSS JOIN attempts ON attempts.session = among.value
      WHERE attempts.password IS NOT NULL AND attempts.user IS NOT NULL
      ORDER BY among.key DESC, attempts.entry, attempts.number LIMIT ${MOST_ATTEMPTS}`,
  )) {
    const [user, password] = [Number(row["user"]), Number(row["password"])];
    const key = pairKey(user, password);
    if (pairs.size < MOST_PAIRS && !pairs.has(key))
      pairs.set(key, { user, password, session: String(row["session"]) });
  }
  return [...pairs.values()];
}

export function pairKey(user: number, password: number): string {
  return `${user} ${password}`;
}

/** As indicators tell a password that was set. */
export function pairText(ask: Ask, { user, password }: OwnPair): string {
  const [row] = ask(
    sql`SELECT names.text || ':' || words.text AS text FROM texts AS names CROSS JOIN texts AS words
      WHERE names.id = ${user} AND words.id = ${password}`,
  );
  return String(row?.["text"]);
}

/**
 * Passwords that anybody set, by the name and the password as pairs have them, with the number of the text. Undefined: too many to be
 * read; then each pair is looked up.
 */
export function passwordsSet(ask: Ask): ReadonlyMap<string, number> | undefined {
  const rows = ask(
    sql`SELECT id, text FROM texts WHERE kind = ${"password-changed" satisfies TextKind} LIMIT ${MOST_SET + 1}`,
  );
  if (rows.length > MOST_SET) return undefined;
  const set = new Map<string, number>();
  for (const { id, text } of rows) {
    const [, name, word] = /^([^:]+):(.+)$/s.exec(String(text)) ?? [];
    if (name === undefined || word === undefined) continue;
    const [user, password] = [textId(ask, "user", name), textId(ask, "password", word)];
    if (user !== undefined && password !== undefined) set.set(pairKey(user, password), Number(id));
  }
  return set;
}

/** Lists that single sessions of them walked. */
export function listsOf(
  ask: Ask,
  sessions: readonly string[],
): { list: Uint8Array; pairs: number; session: string }[] {
  return ask(
    sql`SELECT traits.list, traits.pairs, min(traits.session) AS session FROM json_each(${JSON.stringify(sessions)}) AS among
      CROSS JOIN traits ON traits.session = among.value WHERE traits.list IS NOT NULL GROUP BY traits.list ORDER BY traits.list LIMIT ${MOST_LISTS}`,
  ).map((row) => ({
    list: row["list"] as Uint8Array,
    pairs: Number(row["pairs"]),
    session: String(row["session"]),
  }));
}

function own(rows: ReturnType<Ask>): OwnText[] {
  return rows
    .map((row) => ({
      id: Number(row["id"]),
      kind: String(row["kind"]) as TextKind,
      text: String(row["text"]),
      session: String(row["session"]),
    }))
    .filter(({ text }) => text !== EMPTY);
}
