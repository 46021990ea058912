import { createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { ProtocolError } from "../failures.ts";
import { raise } from "./dh-key.ts";
import type { KexMethod } from "./method.ts";
import { symmetric } from "./one-round.ts";

const generate = promisify(generateKeyPair);

/** Bytes of an uncompressed point. */
const POINT = { "P-256": 65, "P-384": 97, "P-521": 133 } as const;

/**
 * ecdh-sha2-nistp* (RFC 5656 section 4), in the thread pool: P-521 takes 4 ms on a busy machine. Points are uncompressed, and OpenSSL refuses what is not on
 * the curve.
 */
export function ecdh(curve: keyof typeof POINT, hash: KexMethod["hash"]): KexMethod {
  return symmetric(hash, async () => {
    const { publicKey, privateKey } = await generate("ec", { namedCurve: curve });
    const key = publicKey.export({ format: "der", type: "spki" });
    const publicValue = key.subarray(-POINT[curve]);
    const prefix = key.subarray(0, key.length - publicValue.length);
    return {
      publicValue,
      secret: async (peer: Buffer) => {
        if (peer.length !== publicValue.length || peer[0] !== 4)
          throw new ProtocolError("an elliptic curve point that is not in the form agreed on");
        return raise(pointOf(Buffer.concat([prefix, peer])), privateKey);
      },
    };
  });
}

function pointOf(key: Buffer): KeyObject {
  try {
    return createPublicKey({ key, format: "der", type: "spki" });
  } catch {
    throw new ProtocolError("a point that is not on the curve");
  }
}
