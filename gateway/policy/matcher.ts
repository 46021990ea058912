/**
 * Matchers of user names and passwords. What they run on was chosen by a stranger and is bytes, one character each
 * (ByteString), so: patterns are turned into bytes too, and every match takes time linear in its input.
 */
import { RE2JS } from "re2js";
import { toByteString } from "../model/bytes.ts";
import type { ByteString } from "../model/bytes.ts";

export type Matches = (bytes: ByteString) => boolean;

/** The matcher text is at fault; the message says how, to follow "… has to be". */
export class MatcherError extends Error {}

const FLAGS: Readonly<Record<string, number>> = {
  i: RE2JS.CASE_INSENSITIVE,
  m: RE2JS.MULTILINE,
  s: RE2JS.DOTALL,
};

/** A list matches when one of its entries does. Throws MatcherError. */
export function compileMatcher(matcher: string | readonly string[]): Matches {
  const entries = typeof matcher === "string" ? [matcher] : matcher;
  const names = new Set<string>();
  const patterns: Matches[] = [];
  for (const entry of entries) {
    const compiled = compileEntry(entry);
    if (typeof compiled === "string") names.add(compiled);
    else patterns.push(compiled);
  }
  return (bytes) => names.has(bytes) || patterns.some((matches) => matches(bytes));
}

/** A name as bytes, or what decides. */
export function compileEntry(entry: string): string | Matches {
  const expression = /^\/(.*)\/([a-z]*)$/su.exec(entry);
  return expression === null
    ? compileGlob(entry)
    : compileExpression(expression[1] ?? "", expression[2] ?? "");
}

function compileExpression(source: string, letters: string): Matches {
  if (/[^\x20-\x7e]/.test(source)) {
    throw new MatcherError("an expression in ASCII (it sees bytes: write others as \\xNN)");
  }
  let flags = 0;
  for (const letter of letters) {
    const flag = FLAGS[letter];
    if (flag === undefined) throw new MatcherError(`an expression with flags of i, m and s, not ${letter}`);
    flags |= flag;
  }
  try {
    const compiled = RE2JS.compile(source, flags);
    return (bytes) => compiled.test(bytes);
  } catch (error) {
    const reason =
      error instanceof Error ? error.message.replace(/^error parsing regexp: /, "") : String(error);
    throw new MatcherError(`a valid expression (RE2 syntax: no look-around, no back-references): ${reason}`);
  }
}

const ANY = Symbol("*");
const ONE = Symbol("?");

function compileGlob(glob: string): string | Matches {
  const parts: (string | symbol)[] = [];
  const characters = Array.from(toByteString(Buffer.from(glob, "utf8")));
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? "";
    if (character === "\\" && at + 1 < characters.length) parts.push(characters[++at] ?? "");
    else if (character === "*") {
      if (parts.at(-1) !== ANY) parts.push(ANY);
    } else parts.push(character === "?" ? ONE : character);
  }
  if (parts.every((part) => typeof part === "string")) return parts.join("");
  return (bytes) => matchesGlob(parts, bytes);
}

/** Only the last `*` is ever tried again, so that the work is at most pattern × input. */
function matchesGlob(parts: readonly (string | symbol)[], bytes: string): boolean {
  let [part, byte, star, resume] = [0, 0, -1, 0];
  while (byte < bytes.length) {
    const current = parts[part];
    if (current === ANY) {
      [star, resume] = [part, byte];
      part += 1;
    } else if (current === ONE || (current !== undefined && current === bytes[byte])) {
      part += 1;
      byte += 1;
    } else if (star >= 0) {
      part = star + 1;
      resume += 1;
      byte = resume;
    } else return false;
  }
  while (parts[part] === ANY) part += 1;
  return part === parts.length;
}
