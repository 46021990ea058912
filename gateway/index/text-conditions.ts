import { isIndicatorKind } from "../evidence/indicators/indicator.ts";
import type { TextCondition } from "./filter.ts";
import { expressionFor, expressionForGlob } from "./parts.ts";
import { joined, sql, type Ask, type Sql } from "./sql.ts";
import { digestOf, folded } from "./texts.ts";

/** Whether a row of `texts` is as the condition says. */
export function isSo({ kinds, how, value }: TextCondition): Sql {
  const kind = sql`texts.kind IN (${joined(
    kinds.map((one) => sql`${one}`),
    ", ",
  )})`;
  switch (how) {
    case "is":
      return joined(
        kinds.map((one) => sql`(texts.kind = ${one} AND texts.digest = ${digestOf(one, value)})`),
        " OR ",
      );
    case "part":
      return sql`${kind} AND instr(lower(texts.text), ${folded(value)}) > 0`;
    case "begins":
      return sql`${kind} AND substr(texts.text, 1, ${value.length}) = ${value}`;
    case "glob":
      return sql`${kind} AND texts.text GLOB ${value}`;
    case "name":
      return sql`${kind} AND (texts.text GLOB ${value} OR texts.text GLOB ${`*/${value}`})`;
    default:
      return how satisfies never;
  }
}

/** The texts that are so, as a FROM clause with its WHERE clause still to be ended: they are looked up, never read one after the other. */
export function textsThatAre(
  ask: Ask,
  condition: TextCondition,
): { readonly from: Sql; readonly where: Sql } {
  const { how, value } = condition;
  const where = sql`(${isSo(condition)})`;
  if (how === "is") return { from: sql`texts`, where };
  const expression =
    how === "glob" || how === "name"
      ? expressionForGlob(value)
      : (expressionFor(ask, value) ?? NOTHING_IS_SO);
  // A glob such as `a*` is tried on the texts of its kind: as many as there are different ones.
  if (expression === undefined) return { from: sql`texts`, where };
  return {
    from: sql`texts_parts CROSS JOIN texts ON texts.id = texts_parts.rowid`,
    where: sql`texts_parts MATCH ${expression} AND ${where}`,
  };
}

/** Two characters that begin no three. */
const NOTHING_IS_SO = '"\u0101\u0101\u0101"';

/** Whether what was captured in sandboxes can be so, too. */
export function isOfFiles({ kinds }: TextCondition): boolean {
  return kinds.some((kind) => kind === "file" || kind === "sha256" || isIndicatorKind(kind));
}

/** Whether a session (the row of `sessions` at hand) has such a text. */
export function sessionHas(condition: TextCondition): Sql {
  const mentioned = sql`EXISTS (SELECT 1 FROM mentions CROSS JOIN texts ON texts.id = mentions.text
    WHERE mentions.session = sessions.id AND (${isSo(condition)}))`;
  if (!isOfFiles(condition)) return mentioned;
  return sql`(${mentioned} OR EXISTS (SELECT 1 FROM findings CROSS JOIN texts ON texts.id = findings.text
    WHERE findings.cause IN (${CAUSES}) AND (${isSo(condition)})))`;
}

/** The sessions whose ends caused the captures that tell of this one: its own, and that of another in the same sandbox. */
export const CAUSES = sql`SELECT sessions.id UNION ALL SELECT stays.cause FROM stays WHERE stays.session = sessions.id`;

/** Whether a session tried such a name with such a password. */
export function sessionTried(user: TextCondition, password: TextCondition): Sql {
  const such = (column: string, condition: TextCondition) =>
    sql`EXISTS (SELECT 1 FROM texts WHERE texts.id = attempts.${{ text: column, values: [] }} AND (${isSo(condition)}))`;
  return sql`EXISTS (SELECT 1 FROM attempts WHERE attempts.session = sessions.id
    AND ${such("user", user)} AND ${such("password", password)})`;
}
