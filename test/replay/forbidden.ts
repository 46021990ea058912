/**
 * Looks for what must not reach a terminal, in another way than the guard does: by what each sequence is for, not by what may
 * pass. Undefined, or the first that was found.
 */
export function forbidden(output: Buffer, utf8 = true): string | undefined {
  if (output.includes(0x05)) return "ENQ";
  if (output.includes(0x18) || output.includes(0x1a)) return "CAN or SUB";
  const eightBit = utf8
    ? controlsOutsideCharacters(output)
    : output.some((byte) => byte >= 0x80 && byte < 0xa0);
  if (eightBit) return "an eight-bit control";
  // Controls act in the middle of a sequence, so they do not break one up.
  // eslint-disable-next-line no-control-regex
  const text = output.toString("latin1").replace(/[\x00-\x1a\x1c-\x1f\x7f]/g, "");
  for (const [name, pattern] of FORBIDDEN) {
    const found = pattern.exec(text);
    if (found !== null) return `${name}: ${JSON.stringify(found[0])}`;
  }
  // Each ESC must begin something whole: half of a sequence could be finished by what the operator's shell prints next.
  // eslint-disable-next-line no-control-regex
  return /\x1b(?:\[[0-?]*[ -/]*)?$/.test(text) ? "an unfinished sequence" : undefined;
}

/* eslint-disable no-control-regex */
const FORBIDDEN: readonly (readonly [string, RegExp])[] = [
  ["a report is asked for", /\x1b\[[0-?]*[ -/]*[cnxy]/],
  ["a mode is asked for", /\x1b\[[0-?]*\$[ -/]*[pw]/],
  ["a version or LEDs", /\x1b\[[0-?]*q/],
  ["a window is touched", /\x1b\[[0-?]*[ -/]*t/],
  ["a printer", /\x1b\[[0-?]*[ -/]*i/],
  ["keys are changed", /\x1b\[[<=>?][0-?]*[mu]/],
  ["a string", /\x1b[\]PX^_k]/],
  ["DECID, keypad, RIS, UTF-8, eight bits, VT52", /\x1b(?:[Z=>c<]|%|[ ])/],
  ["a keyboard mode", /\x1b\[(?:[0-9;]*;)?(?:2|12)(?:;[0-9;]*)?[hl]/],
  [
    "an input mode",
    /\x1b\[\?(?:[0-9;]*;)?0*(?:1|2|3|8|9|66|67|100[0-6]|101[56]|1004|2004|2031|2048|9001)(?:;[0-9;]*)?[hl]/,
  ],
  ["saved modes", /\x1b\[\?[0-9;]*[rs]/],
  ["the scrollback", /\x1b\[\??[0-9;]*3J/],
  ["endless repetition", /\x1b\[[0-9]{6,}b/],
];
/* eslint-enable no-control-regex */

/** TextDecoder knows UTF-8 by itself: what it takes for a whole character is taken out, whatever it is of. */
function controlsOutsideCharacters(output: Buffer): boolean {
  for (const character of new TextDecoder("utf-8", { ignoreBOM: true }).decode(output)) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0x80 && code < 0xa0) return true;
  }
  // Bytes that were not part of a character became U+FFFD in there; look at them in what cannot be decoded.
  for (let at = 0; at < output.length; at += 1) {
    const byte = output[at] ?? 0;
    if (byte < 0x80 || byte > 0x9f) continue;
    const inside = [1, 2, 3].some((back) => at >= back && wholeCharacterAround(output, at - back, at));
    if (!inside) return true;
  }
  return false;
}

function wholeCharacterAround(output: Buffer, start: number, at: number): boolean {
  for (let length = at - start + 1; length <= 4; length += 1) {
    try {
      const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
        output.subarray(start, start + length),
      );
      if (Array.from(text).length === 1) return true;
    } catch {
      // Not a whole character of this length.
    }
  }
  return false;
}
