import { createECDH } from "node:crypto";
import { ProtocolError } from "../failures.ts";
import type { KexMethod } from "./method.ts";
import { symmetric } from "./one-round.ts";

/** ecdh-sha2-nistp* (RFC 5656 section 4). Points are uncompressed, and OpenSSL refuses what is not on the curve. */
export function ecdh(curve: "prime256v1" | "secp384r1" | "secp521r1", hash: KexMethod["hash"]): KexMethod {
  return symmetric(hash, () => {
    const own = createECDH(curve);
    const publicValue = own.generateKeys();
    return Promise.resolve({
      publicValue,
      secret: (peer: Buffer) => {
        if (peer.length !== publicValue.length || peer[0] !== 4)
          return Promise.reject(
            new ProtocolError("an elliptic curve point that is not in the form agreed on"),
          );
        try {
          return Promise.resolve(own.computeSecret(peer));
        } catch {
          return Promise.reject(new ProtocolError("a point that is not on the curve"));
        }
      },
    });
  });
}
