import type { Modulus } from "../../../model/persona.ts";
import type { HashName } from "../key-derivation.ts";

/** One of the key exchanges that are negotiated by name. */
export interface KexMethod {
  readonly hash: HashName;
  /** The server's part in one exchange. */
  answer(context: KexContext): KexAnswerer;
  /** A fresh key pair for one exchange as its client. Absent: the method is here for servers only. */
  readonly start?: () => Promise<KexSide>;
}

export interface KexContext {
  /** What group exchange may choose from. */
  readonly moduli: readonly Modulus[];
  /** Whether the connection has ended, so that what waits for its turn need not be computed. */
  readonly isOver: () => boolean;
}

export interface KexAnswerer {
  /**
   * What follows from a client's message of types 30 to 49, which is the answerer's own; undefined when it is none that is expected now.
   *
   * @throws ProtocolError when the client's value is not one that may be computed with; also asynchronously.
   */
  take(bytes: Buffer): Promise<KexStep> | undefined;
}

export type KexStep =
  | { readonly kind: "say"; readonly payload: Buffer }
  | {
      readonly kind: "agreed";
      /** Message number of the reply that has host key, own value and signature. */
      readonly reply: number;
      /** Ours, as it stands in the reply: the body of a string or of an mpint, which look the same on the wire. */
      readonly publicValue: Buffer;
      /** What the exchange hash has between host key and shared secret. */
      readonly exchanged: Buffer;
      /** As it is hashed: an mpint, or a string. */
      readonly secret: Buffer;
    };

/** Either side of an exchange of one message each way, in which both do the same. */
export interface KexSide {
  /** Ours, as it stands in the message. */
  readonly publicValue: Buffer;
  /**
   * The shared secret as a number, big-endian.
   *
   * @throws ProtocolError when the peer's value is not one that may be computed with.
   */
  secret(peer: Buffer): Promise<Buffer>;
}
