/** The prober's own key exchange: curve25519-sha256 (RFC 8731) with an Ed25519 host key, and keys out of it (RFC 4253 section 7). */
import {
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  verify,
  type KeyObject,
} from "node:crypto";
import { bytesOf, message, mpint, str, strings, u32 } from "./encoding.ts";
import type { CipherName, Keys } from "./packets.ts";

export interface Offer {
  readonly kex: readonly string[];
  readonly hostKey: readonly string[];
  readonly cipher: readonly string[];
  readonly mac: readonly string[];
  readonly compression: readonly string[];
}

export const STRICT = "kex-strict-c-v00@openssh.com";
export const EXT_INFO = "ext-info-c";

export const OFFER: Offer = {
  kex: ["curve25519-sha256", EXT_INFO, STRICT],
  hostKey: ["ssh-ed25519"],
  cipher: ["aes128-ctr"],
  mac: ["hmac-sha2-256"],
  compression: ["none"],
};

export function kexInit(offer: Offer, guess = false): Buffer {
  const both = [offer.cipher, offer.mac, offer.compression].flatMap((list) => [list, list]);
  return message(
    20,
    Buffer.alloc(16, 7),
    ...[offer.kex, offer.hostKey, ...both, [], []].map((list) => list.join()),
    guess ? 1 : 0,
    u32(0),
  );
}

/** Raw bytes of X25519 public keys follow this in DER (RFC 8410). */
const X25519_DER = Buffer.from("302a300506032b656e032100", "hex");
const ED25519_DER = Buffer.from("302a300506032b6570032100", "hex");

export interface Exchanged {
  readonly clientIdentification: string;
  readonly serverIdentification: string;
  readonly clientInit: Buffer;
  readonly serverInit: Buffer;
}

export class Curve25519 {
  readonly #pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  readonly value: Buffer;

  constructor() {
    this.#pair = generateKeyPairSync("x25519");
    this.value = this.#pair.publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  }

  get init(): Buffer {
    return message(30, str(this.value));
  }

  /** @throws Error when the reply is not one, or its signature is not over what was said. */
  finish(reply: Buffer, said: Exchanged): { secret: Buffer; hash: Buffer } {
    const [hostKey, theirs, signature] = strings(reply, 1, 3).values;
    if (!hostKey || !theirs || !signature) throw new Error("a reply that is cut");
    const publicKey = createPublicKey({
      key: Buffer.concat([X25519_DER, theirs]),
      format: "der",
      type: "spki",
    });
    const secret = mpint(diffieHellman({ privateKey: this.#pair.privateKey, publicKey }));
    const hash = createHash("sha256")
      .update(
        Buffer.concat([
          str(bytesOf(said.clientIdentification)),
          str(bytesOf(said.serverIdentification)),
          ...[said.clientInit, said.serverInit, hostKey, this.value, theirs].map(str),
          secret,
        ]),
      )
      .digest();
    const [, raw] = strings(hostKey, 0, 2).values;
    const [, proof] = strings(signature, 0, 2).values;
    if (!raw || !proof) throw new Error("no Ed25519 key");
    const key = createPublicKey({ key: Buffer.concat([ED25519_DER, raw]), format: "der", type: "spki" });
    if (!verify(null, hash, key, proof)) throw new Error("the server's signature is wrong");
    return { secret, hash };
  }
}

export function keysOf(
  cipher: CipherName,
  { secret, hash, sessionId }: { secret: Buffer; hash: Buffer; sessionId: Buffer },
): { out: Keys; in: Keys } {
  const derive = (letter: string, size: number) =>
    createHash("sha256")
      .update(Buffer.concat([secret, hash, Buffer.from(letter), sessionId]))
      .digest()
      .subarray(0, size);
  return {
    out: { cipher, iv: derive("A", 16), key: derive("C", 16), mac: derive("E", 32) },
    in: { cipher, iv: derive("B", 16), key: derive("D", 16), mac: derive("F", 32) },
  };
}
