/** Cells that a character takes: 0 combines with the one before, 2 is East Asian wide or an emoji. As wcwidth(3) of today's terminals. */
export function characterWidth(character: string): 0 | 1 | 2 {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (COMBINES.test(character)) return 0;
  return code >= 0x1100 && (WIDE.test(character) || isWide(code)) ? 2 : 1;
}

/** Marks, joiners and variation selectors. The second and third part of a Hangul syllable, too. */
const COMBINES = /^[\p{Mn}\p{Me}\u200b-\u200f\u2060-\u2064\u{e0000}-\u{e01ef}\u1160-\u11ff]$/u;
const WIDE = /^\p{Emoji_Presentation}$/u;

/** The blocks whose characters are all wide in Unicode's EastAsianWidth. */
const WIDE_BLOCKS: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6b],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18cff],
  [0x1aff0, 0x1b2ff],
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd],
];

function isWide(code: number): boolean {
  return WIDE_BLOCKS.some(([first, last]) => code >= first && code <= last);
}
