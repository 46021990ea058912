/**
 * What a cipher does with packets of one direction (RFC 4253 section 6). A packet in memory is
 * length (4 bytes), padding length (1), payload, padding, tag.
 */
export interface Sealer {
  /** Padding goes up to a multiple of it. */
  readonly blockSize: number;
  readonly tagLength: number;
  /** The length field is outside of what is padded to whole blocks: AEAD ciphers and encrypt-then-MAC. */
  readonly lengthApart: boolean;
  /** Encrypts the packet that lies in clear at `bytes[start..end)` where it lies, and writes its tag from `end` on. */
  seal(bytes: Buffer, start: number, end: number, sequence: number): void;
}

export interface Opener {
  readonly blockSize: number;
  readonly tagLength: number;
  readonly lengthApart: boolean;
  /** How many bytes of a packet `length` wants to see. */
  readonly headLength: number;
  /** The packet's length field. Called once for each packet, before `open`. */
  length(bytes: Buffer, start: number, sequence: number): number;
  /**
   * The packet whose `length` has been read, complete with its tag at `start`: padding length, payload and padding in clear. A view that
   * lives until the next call or as long as `bytes`. Undefined when the tag is not the packet's.
   */
  open(bytes: Buffer, start: number, length: number, sequence: number): Buffer | undefined;
}

/** Keys of one direction (RFC 4253 section 7.2). The buffers may be longer than needed. */
export interface DirectionKeys {
  readonly iv: Buffer;
  readonly key: Buffer;
  readonly macKey: Buffer;
}
