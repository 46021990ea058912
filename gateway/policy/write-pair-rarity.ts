/**
 * Writes the table that `random-looking` goes by, out of lists with one word a line: `node gateway/policy/write-pair-rarity.ts
 * PASSWORDS WORDS`. Which two it was made of: docs/decisions/random-looking.md.
 */
import { readFile, writeFile } from "node:fs/promises";
import { SYMBOLS, symbolOf } from "./symbols.ts";

/** A password says more of how passwords are made than a word of the language does. */
const WEIGHT = { password: 10, word: 1 };
/** Counted as if each pair had been seen so often: none is impossible. */
const SEEN_AT_LEAST = 20;
const MOST_BITS = 9;

/** One row for each symbol, one digit for each that may follow it: bits, rounded. */
export function rarityRows(passwords: readonly string[], words: readonly string[]): string[] {
  const seen = Array.from(SYMBOLS, () => Array.from(SYMBOLS, () => SEEN_AT_LEAST));
  const count = (text: string, weight: number) => {
    for (let at = 1; at < text.length; at++) {
      const row = seen[symbolOf(text.charAt(at - 1))] ?? [];
      const column = symbolOf(text.charAt(at));
      row[column] = (row[column] ?? 0) + weight;
    }
  };
  for (const text of passwords) count(text, WEIGHT.password);
  for (const text of words) count(text, WEIGHT.word);
  return seen.map((row) => {
    const all = row.reduce((sum, times) => sum + times);
    return row.map((times) => Math.min(MOST_BITS, Math.round(-Math.log2(times / all)))).join("");
  });
}

async function linesOf(path: string): Promise<string[]> {
  return (await readFile(path, "latin1")).split("\n").filter((line) => line !== "" && !line.startsWith("#!"));
}

if (import.meta.main) {
  const [passwords = "", words = ""] = process.argv.slice(2);
  // Names and words as they are written; not their genitives.
  const plain = (await linesOf(words)).filter((word) => /^[A-Za-z]+$/.test(word));
  const rows = rarityRows(await linesOf(passwords), plain);
  const text = [
    "/** How rare a symbol is behind another one, in bits: a row for the first, a digit for the second. Made by write-pair-rarity.ts. */",
    "export const PAIR_RARITY: readonly string[] = [",
    ...rows.map((row) => `  "${row}",`),
    "];",
    "",
  ].join("\n");
  await writeFile(new URL("./pair-rarity.ts", import.meta.url), text);
}
