import { createPublicKey, encapsulate, hash as digest } from "node:crypto";
import { string } from "../../messages/writer.ts";
import { ProtocolError } from "../failures.ts";
import { startCurve25519 } from "./curve25519.ts";
import type { KexMethod } from "./method.ts";
import { answerToInit } from "./one-round.ts";
import { shortArithmetic } from "./queue.ts";
import { encapsulateSntrup761, SNTRUP761 } from "./sntrup761.ts";

interface Kem {
  /** Bytes. */
  readonly publicKeyLength: number;
  /** @throws ProtocolError when the key is none. */
  encapsulate(publicKey: Buffer): { readonly sharedKey: Buffer; readonly ciphertext: Buffer };
}

/**
 * X25519 beside a key encapsulation that quantum computers are believed not to break, in the server role: each message is the one's value and then the other's, the
 * secret is the hash of both secrets and is hashed as a string (RFC 9941; draft-ietf-sshm-mlkem-hybrid-kex).
 */
export function hybrid(hash: "sha256" | "sha512", kem: Kem): KexMethod {
  return {
    hash,
    answer: ({ isOver }) =>
      answerToInit(async (clientValue) => {
        if (clientValue.length !== kem.publicKeyLength + 32)
          throw new ProtocolError("a hybrid key exchange's value of the wrong length");
        const { sharedKey, ciphertext } = await shortArithmetic.run(isOver, () =>
          kem.encapsulate(clientValue.subarray(0, kem.publicKeyLength)),
        );
        const side = await startCurve25519();
        const classical = await side.secret(clientValue.subarray(kem.publicKeyLength));
        const secret = string(digest(hash, Buffer.concat([sharedKey, classical]), "buffer"));
        return { publicValue: Buffer.concat([ciphertext, side.publicValue]), secret };
      }),
  };
}

/** 1 ms on the loop, in turns: threads of our own are not to be had, as a worker may do what Node's permission model forbids its parent. */
export const sntrup761: Kem = {
  publicKeyLength: SNTRUP761.publicKeyLength,
  encapsulate: (publicKey) => encapsulateSntrup761(publicKey),
};

/** DER of an ML-KEM-768 public key (RFC 9935) up to its 1184 bytes. */
const ML_KEM_PREFIX = Buffer.from("308204b2300b0609608648016503040402038204a100", "hex");

/** FIPS 203 by OpenSSL, which refuses keys whose numbers are out of range, as section 7.2 there demands. */
export const mlkem768: Kem = {
  publicKeyLength: 1184,
  encapsulate: (publicKey) => {
    try {
      const key = createPublicKey({
        key: Buffer.concat([ML_KEM_PREFIX, publicKey]),
        format: "der",
        type: "spki",
      });
      const { sharedKey, ciphertext } = encapsulate(key);
      return { sharedKey: Buffer.from(sharedKey), ciphertext: Buffer.from(ciphertext) };
    } catch {
      throw new ProtocolError("an ML-KEM key that is none");
    }
  },
};
