/**
 * JSON that is safe on a terminal too: JSON.stringify leaves U+007F to U+009F as they are, of which U+009B begins an escape
 * sequence on many terminals, and the controls that turn the direction of text. Any JSON parser reads the same value.
 */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
