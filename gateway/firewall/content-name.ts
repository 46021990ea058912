import { createHash } from "node:crypto";

const LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz";

/** As long as iptables' names of chains leave room for, behind a slot's prefix and a word: 36 bits. */
const LENGTH = 7;

/** Seven letters and digits for what a value says: the same for the same, in every process and version of ours that writes it alike. */
export function nameOf(content: unknown): string {
  const digest = createHash("sha256").update(JSON.stringify(content)).digest();
  return Array.from(digest.subarray(0, LENGTH), (byte) => LETTERS[byte % LETTERS.length]).join("");
}
