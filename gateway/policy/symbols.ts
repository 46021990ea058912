/** What `random-looking` tells apart: letters whatever their case, digits, and everything else as one. */
export const SYMBOLS = "abcdefghijklmnopqrstuvwxyz0123456789#";

const OTHER = SYMBOLS.length - 1;

/** Its place in `SYMBOLS`. */
export function symbolOf(character: string): number {
  const at = SYMBOLS.indexOf(character.toLowerCase());
  return at === -1 ? OTHER : at;
}
