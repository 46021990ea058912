import { createHash } from "node:crypto";
import { string } from "../messages/writer.ts";
import type { DirectionKeys } from "./ciphers/direction.ts";
import { keyLengths } from "./ciphers/table.ts";

export type HashName = "sha256" | "sha384" | "sha512";

/** The shared secret as an mpint (RFC 4251 section 5), which is how it is hashed. */
export function asMpint(number: Buffer): Buffer {
  let zeros = 0;
  while (number[zeros] === 0) zeros++;
  const digits = number.subarray(zeros);
  return string((digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), digits]) : digits);
}

/** What both sides sign and derive from (RFC 4253 section 8; RFC 5656 section 4 has the same with points). */
export interface ExchangeTranscript {
  readonly clientIdentification: Buffer;
  readonly serverIdentification: Buffer;
  readonly clientKexInit: Buffer;
  readonly serverKexInit: Buffer;
  readonly hostKey: Buffer;
  /** What both sides said, as the method has it: two strings as a rule, more for group exchange (RFC 4419 section 3). */
  readonly exchanged: Buffer;
  /** As an mpint, or as a string where the method says so. */
  readonly secret: Buffer;
}

export function exchangeHash(hash: HashName, transcript: ExchangeTranscript): Buffer {
  return createHash(hash)
    .update(string(transcript.clientIdentification))
    .update(string(transcript.serverIdentification))
    .update(string(transcript.clientKexInit))
    .update(string(transcript.serverKexInit))
    .update(string(transcript.hostKey))
    .update(transcript.exchanged)
    .update(transcript.secret)
    .digest();
}

export interface KeySource {
  readonly hash: HashName;
  /** As it was hashed. */
  readonly secret: Buffer;
  readonly exchangeHash: Buffer;
  readonly sessionId: Buffer;
}

/** RFC 4253 section 7.2: HASH(K || H || letter || session id), lengthened with HASH(K || H || what there is). */
export function deriveKey(
  { hash, secret, exchangeHash, sessionId }: KeySource,
  letter: string,
  length: number,
): Buffer {
  let key = createHash(hash).update(secret).update(exchangeHash).update(letter).update(sessionId).digest();
  while (key.length < length)
    key = Buffer.concat([key, createHash(hash).update(secret).update(exchangeHash).update(key).digest()]);
  return key.subarray(0, length);
}

const LETTERS = {
  toServer: { iv: "A", key: "C", macKey: "E" },
  toClient: { iv: "B", key: "D", macKey: "F" },
};

export function directionKeys(
  source: KeySource,
  direction: "toServer" | "toClient",
  cipher: string,
  mac: string,
): DirectionKeys {
  const letters = LETTERS[direction];
  const lengths = keyLengths(cipher, mac);
  return {
    iv: deriveKey(source, letters.iv, lengths.iv),
    key: deriveKey(source, letters.key, lengths.key),
    macKey: deriveKey(source, letters.macKey, lengths.macKey),
  };
}
