/** Where quoted and nested parts of a shell's text end. Each looks at every character once, whatever stands there. */

/** @returns the index of the quote that closes, of the double-quoted text that begins at `at`; -1: it stays open. */
export function doubleQuoteEnd(text: string, at: number): number {
  return scan(text, at, '"');
}

/** As `doubleQuoteEnd`, for the `)` of a `$(` or `<(`, or the `}` of a `${`, whose inside begins at `at`. */
export function nestedEnd(text: string, at: number, closing: ")" | "}"): number {
  return scan(text, at, closing);
}

/** As `doubleQuoteEnd`, for a backtick or the `'` of a `$'`, in which only a backslash escapes. */
export function escapedEnd(text: string, at: number, closing: "`" | "'"): number {
  for (let index = at; index < text.length; index++) {
    const character = text[index];
    if (character === "\\") index++;
    else if (character === closing) return index;
  }
  return -1;
}

function scan(text: string, at: number, closing: string): number {
  const open: string[] = [closing];
  for (let index = at; index < text.length; index++) {
    const character = text[index];
    const inside = open.at(-1);
    if (character === "\\") index++;
    else if (character === inside) {
      open.pop();
      if (open.length === 0) return index;
    } else if (character === "`") {
      const end = escapedEnd(text, index + 1, "`");
      if (end === -1) return -1;
      index = end;
    } else if (character === "$" && (text[index + 1] === "(" || text[index + 1] === "{")) {
      index++;
      open.push(text[index] === "(" ? ")" : "}");
    } else if (inside !== '"') {
      if (character === '"') open.push('"');
      else if (character === "(" && inside === ")") open.push(")");
      else if (character === "'") {
        const end = text.indexOf("'", index + 1);
        if (end === -1) return -1;
        index = end;
      }
    }
  }
  return -1;
}
