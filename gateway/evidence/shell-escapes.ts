/**
 * Backslash escapes as bash's `echo -e`, `printf` and `$'...'` read them. Text is one character per byte, before and after.
 *
 * @param octal `\0nnn` of echo -e, or `\nnn` of the others.
 * @returns the text, and whether `\c` said that nothing is to come after it.
 */
export function unescaped(text: string, octal: "echo" | "printf"): { text: string; stopped: boolean } {
  const pattern =
    octal === "echo"
      ? /\\(?:0([0-7]{0,3})|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([abceEfnrtv\\]))/g
      : /\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([abceEfnrtv\\"'?]))/g;
  let result = "";
  let last = 0;
  for (const match of text.matchAll(pattern)) {
    const [all, octets, hex, short, long, letter] = match;
    result += text.slice(last, match.index);
    last = match.index + all.length;
    const point = short ?? long;
    if (letter === "c") return { text: result, stopped: true };
    if (letter !== undefined) result += LETTERS[letter] ?? letter;
    else if (octets !== undefined) result += String.fromCharCode(Number.parseInt(octets || "0", 8) & 0xff);
    else if (hex !== undefined) result += String.fromCharCode(Number.parseInt(hex, 16));
    else if (point !== undefined) result += utf8(Number.parseInt(point, 16));
  }
  return { text: result + text.slice(last), stopped: false };
}

const LETTERS: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  e: "\x1b",
  E: "\x1b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

function utf8(point: number): string {
  return point > 0x10ffff ? "" : Buffer.from(String.fromCodePoint(point)).toString("latin1");
}
