/**
 * What a stranger sent is bytes, not text: a password that is not UTF-8 must survive unchanged.
 * A ByteString keeps them in a JSON-friendly string, one character per byte (ISO 8859-1), so that it
 * can be compared, stored and parsed without loss. It is for keeping, never for showing.
 */
export type ByteString = string & { readonly __bytes: unique symbol };

export function toByteString(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1") as ByteString;
}

export function fromByteString(text: ByteString): Buffer {
  return Buffer.from(text, "latin1");
}

/** The bytes as UTF-8 text; bytes that are not UTF-8 become U+FFFD. For consumers that want text, such as events. */
export function asText(text: ByteString): string {
  return fromByteString(text).toString("utf8");
}

/**
 * Text that is safe on an operator's terminal: control characters, escapes, bidirectional overrides and
 * invalid UTF-8 are shown as `\xNN` or `\u{N}`. Everything that came from outside passes through here before it is printed.
 */
export function showable(text: ByteString | Uint8Array): string {
  const bytes = typeof text === "string" ? fromByteString(text) : text;
  try {
    return escapeText(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return Array.from(bytes, (byte) =>
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c ? String.fromCharCode(byte) : hexEscape(byte),
    ).join("");
  }
}

/** As `showable`, for text that is already decoded (a JSON field, a host name). */
export function escapeText(text: string): string {
  return text.replace(
    // C0, DEL, C1, backslash, zero-width and bidirectional controls, line separators, lone surrogates, specials.
    // eslint-disable-next-line no-control-regex
    /[\u0000-\u001f\u007f-\u009f\\\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffd]|[\ud800-\udfff]/gu,
    (character) => {
      if (character === "\\") return "\\\\";
      const code = character.codePointAt(0) ?? 0;
      return code < 0x100 ? hexEscape(code) : `\\u{${code.toString(16)}}`;
    },
  );
}

function hexEscape(code: number): string {
  return `\\x${code.toString(16).padStart(2, "0")}`;
}
