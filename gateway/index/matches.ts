import type { ByteString } from "../model/bytes.ts";
import type { TextCondition } from "./filter.ts";
import { joined, sql, type Ask } from "./sql.ts";
import { CAUSES, isOfFiles, isSo } from "./text-conditions.ts";
import { given, type TextKind } from "./texts.ts";

/** A text by which a session was found. */
export interface Match {
  readonly kind: TextKind;
  readonly text: ByteString;
  /** Seconds after the session's start; undefined for what was captured in its sandbox. */
  readonly at: number | undefined;
}

/** Texts of one session that are told of. Of more the first show what it is. */
const MOST_MATCHES = 1000;

/** The texts of a session that one of the conditions is about, as they came; files that were captured after them, last. */
export function matchesOf(ask: Ask, session: string, conditions: readonly TextCondition[]): Match[] {
  if (conditions.length === 0) return [];
  const so = joined(
    conditions.map((condition) => sql`(${isSo(condition)})`),
    " OR ",
  );
  const mentioned = ask(
    sql`SELECT texts.kind, texts.text, mentions.at_ns FROM mentions CROSS JOIN texts ON texts.id = mentions.text
      WHERE mentions.session = ${session} AND (${so}) ORDER BY mentions.at_ns, texts.id LIMIT ${MOST_MATCHES}`,
  );
  const found = conditions.some(isOfFiles)
    ? ask(
        sql`SELECT DISTINCT texts.kind, texts.text FROM sessions CROSS JOIN findings CROSS JOIN texts ON texts.id = findings.text
          WHERE sessions.id = ${session} AND findings.cause IN (${CAUSES}) AND (${so}) ORDER BY texts.text LIMIT ${MOST_MATCHES}`,
      )
    : [];
  const matches = new Map<string, Match>();
  for (const { kind, text, at_ns } of [...mentioned, ...found]) {
    const key = `${String(kind)} ${String(text)}`;
    if (matches.has(key)) continue;
    const at = at_ns === undefined ? undefined : Number(at_ns) / 1e9;
    matches.set(key, { kind: kind as TextKind, text: given(String(text)), at });
  }
  return [...matches.values()];
}
