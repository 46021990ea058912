import { sql, type Ask } from "./sql.ts";
import { folded } from "./texts.ts";

/**
 * How parts of texts are found. FTS5's trigram index has, for each three characters in a row, the texts that hold them. Two characters
 * that no byte is end each text, so that its last ones begin three, too, and a text of one or two can be found at all.
 * What the index says is then compared with the text itself, so an expression here may find too much, and never too little.
 */
const END = "\u0101\u0101";

/** A text as FTS5 is given it. */
export function indexed(text: string): string {
  return folded(text) + END;
}

/** The shortest part that can be looked for. */
export const SHORTEST_PART = 2;
/** Of a long part so many threes are asked for; the comparison does the rest. */
const MOST_THREES = 48;

/** FTS5's expression for texts that hold this part, of two characters or more; undefined where none does. */
export function expressionFor(ask: Ask, part: string): string | undefined {
  const text = folded(part);
  if (text.length >= 3) return threesOf(text).map(quoted).join(" AND ");
  const last = text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1);
  const begin = ask(sql`SELECT term FROM texts_threes WHERE term >= ${text} AND term < ${last}`).map(
    ({ term }) => quoted(String(term)),
  );
  return begin.length === 0 ? undefined : begin.join(" OR ");
}

/** The same for texts that a glob matches. Undefined: nothing in it is long enough to ask for. */
export function expressionForGlob(glob: string): string | undefined {
  const threes = glob
    .split(/\[[^\]]*\]|[*?]/)
    .map(folded)
    .filter((run) => run.length >= 3)
    .flatMap(threesOf);
  return threes.length === 0 ? undefined : threes.slice(0, MOST_THREES).map(quoted).join(" AND ");
}

function threesOf(text: string): string[] {
  const threes = new Set<string>();
  for (let at = 0; at + 3 <= text.length && threes.size < MOST_THREES; at++)
    threes.add(text.slice(at, at + 3));
  return [...threes];
}

/** A string of FTS5's query language: nothing in it is an operator. */
function quoted(three: string): string {
  return `"${three.replaceAll('"', '""')}"`;
}
