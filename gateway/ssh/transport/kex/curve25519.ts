import { createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { ProtocolError } from "../failures.ts";
import type { KexSide } from "./method.ts";
import { symmetric } from "./one-round.ts";

/** DER of an X25519 public key (RFC 8410) up to its 32 bytes. */
const PREFIX = Buffer.from("302a300506032b656e032100", "hex");

/** A fresh X25519 key pair. OpenSSL refuses an all-zero result, as RFC 8731 section 3 demands. */
export function startCurve25519(): Promise<KexSide> {
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  const publicValue = publicKey.export({ format: "der", type: "spki" }).subarray(PREFIX.length);
  return Promise.resolve({
    publicValue,
    secret: (peer: Buffer) => {
      if (peer.length !== 32)
        return Promise.reject(new ProtocolError("a curve25519 value of the wrong length"));
      try {
        const key = createPublicKey({ key: Buffer.concat([PREFIX, peer]), format: "der", type: "spki" });
        return Promise.resolve(diffieHellman({ privateKey, publicKey: key }));
      } catch {
        return Promise.reject(new ProtocolError("a curve25519 value without a shared secret"));
      }
    },
  });
}

/** curve25519-sha256 (RFC 8731). */
export const curve25519 = symmetric("sha256", startCurve25519);
