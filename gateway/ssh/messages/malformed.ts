import type { Reader } from "./reader.ts";

/** A payload that does not hold what its type says. Parsers return it; nothing here throws. */
export interface Malformed {
  readonly kind: "malformed";
  /** Message number, or -1 for an empty payload. */
  readonly type: number;
  readonly problem: "truncated" | "trailing-bytes" | "unknown-type";
}

/** `message` if the reader read all of the payload and no more than that. */
export function complete<T>(reader: Reader, type: number, message: T): T | Malformed {
  if (reader.truncated) return { kind: "malformed", type, problem: "truncated" };
  if (reader.remaining > 0) return { kind: "malformed", type, problem: "trailing-bytes" };
  return message;
}
