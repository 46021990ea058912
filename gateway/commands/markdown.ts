import { escapeText, showable, type ByteString } from "../model/bytes.ts";
import { cut } from "./human.ts";

/** Characters of one value that are shown. */
const LONGEST = 120;

/**
 * A stranger's string as a code span: nothing in one is a link, an image, HTML or emphasis, whatever the reader's extensions, and a bar in
 * it ends no cell. Control characters are escaped before, as for a terminal.
 */
export function codeSpan(text: ByteString | string, kind: "bytes" | "text" = "bytes"): string {
  const shown = cut(kind === "bytes" ? showable(text as ByteString) : escapeText(text), LONGEST);
  if (shown === "") return "(empty)";
  // A code span ends at as many backticks as it began with.
  const longest = Math.max(0, ...Array.from(shown.matchAll(/`+/g), ([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  // One blank on each side is taken off again, where both are there.
  const pad = /^[` ]|[` ]$/.test(shown) ? " " : "";
  return `${fence}${pad}${shown.replaceAll("|", "\\|")}${pad}${fence}`;
}

/** A table; cells are Markdown. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
