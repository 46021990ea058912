import type { ByteString } from "../../../model/bytes.ts";

/** A URL as RFC 3986 allows it: every other byte as %XX, so also a percent sign that begins no such escape. */
export function stixUrl(url: ByteString): string {
  const [, start = "", rest = ""] = /^([a-z0-9+.-]+:\/\/[^/?#]*)([^]*)$/i.exec(url) ?? [];
  return encoded(start, /[^\w.~:/?#@!$&'()*+,;=%[\]-]/g) + encoded(rest, /[^\w.~:/?#@!$&'()*+,;=%-]/g);
}

function encoded(text: string, others: RegExp): string {
  return text.replace(/%(?![0-9a-fA-F]{2})/g, "%25").replace(others, (byte) => {
    return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  });
}
