import { readShell } from "./shell-words.ts";

/**
 * The command that stands on the screen behind its prompt, without the blanks at its end. One of several lines, out of the history,
 * stands on several rows; or something in the background wrote between.
 *
 * @param prompt without the blanks at its end. @param promptEnd where the first key of the line stood.
 * @param rows that were over since the prompt came. @param shown the last one.
 */
export function commandShown(
  prompt: string,
  promptEnd: number,
  rows: readonly string[],
  shown: string,
): string {
  const behind = (row: string) => row.slice(Math.max(prompt.length, promptEnd));
  if (shown.startsWith(prompt)) return behind(shown).trimEnd();
  const first = rows.findLastIndex((row) => prompt !== "" && row.startsWith(prompt));
  const begun = behind(rows[first] ?? "");
  if (readShell(begun).open) return [begun, ...rows.slice(first + 1), shown].join("\n").trimEnd();
  return (shown.trim() === "" ? begun : shown).trimEnd();
}
