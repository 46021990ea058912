import type { ShownHostKey } from "../../model/learned.ts";
import { parsePublicKey } from "../userauth/public-key.ts";

/** Those whose signatures we can verify, with the type of the key that makes them. */
export const HOST_KEY_ALGORITHMS: readonly (readonly [algorithm: string, type: string])[] = [
  ["ssh-ed25519", "ssh-ed25519"],
  ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"],
  ["ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"],
  ["ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"],
  ["rsa-sha2-512", "ssh-rsa"],
  ["rsa-sha2-256", "ssh-rsa"],
];

const CURVE_BITS: Readonly<Record<string, number>> = {
  "ssh-ed25519": 256,
  "ecdsa-sha2-nistp256": 256,
  "ecdsa-sha2-nistp384": 384,
  "ecdsa-sha2-nistp521": 521,
};

/** `blob`: in wire form, of an exchange in which `algorithm` was agreed on and its signature verified. */
export function shownHostKey(algorithm: string, blob: Buffer): ShownHostKey {
  const type = HOST_KEY_ALGORITHMS.find(([name]) => name === algorithm)?.[1] ?? algorithm;
  const bits = parsePublicKey(algorithm, blob)?.key.asymmetricKeyDetails?.modulusLength;
  return { type, bits: bits ?? CURVE_BITS[type] ?? 0 };
}
