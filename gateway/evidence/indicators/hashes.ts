import type { ByteString } from "../../model/bytes.ts";
import type { Found } from "./indicator.ts";

/**
 * MD5, SHA-1 and SHA-256 in a line that names the function (`md5sum -c`, `sha256:`, `MD5 (x) =`): so many hexadecimal digits alone may be
 * anything.
 */
export function hashesIn(text: string): Found[] {
  const found: Found[] = [];
  for (const { 0: digits, index } of text.matchAll(/(?<![\w])[0-9a-f]{32,}(?!\w)/gi)) {
    const name = NAMES[digits.length];
    if (name === undefined || EMPTY.has(digits.toLowerCase())) continue;
    const line = `${text.slice(Math.max(0, index - NEAR), index).replace(/^[^]*\n/, "")} ${text.slice(index + digits.length, index + digits.length + NEAR).replace(/\n[^]*$/, "")}`;
    if (name.test(line)) found.push({ kind: "hash", value: digits.toLowerCase() as ByteString });
  }
  return found;
}

/** Characters before and after in which the function's name counts. */
const NEAR = 200;
const NAMES: Readonly<Record<number, RegExp>> = {
  32: /md5/i,
  40: /sha-?1(?!\d)/i,
  64: /sha-?256|(?<!\w)shasum\s/i,
};
/** Of nothing at all. */
const EMPTY: ReadonlySet<string> = new Set([
  "d41d8cd98f00b204e9800998ecf8427e",
  "da39a3ee5e6b4b0d3255bfef95601890afd80709",
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
]);
