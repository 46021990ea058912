/** Authenticates the packets of one direction with one key. */
export interface PacketMac {
  /** Of `algorithm.length` bytes, the caller's own. */
  tag(sequence: number, packet: Buffer): Buffer;
}

export interface MacAlgorithm {
  /** Bytes. */
  readonly keyLength: number;
  /** Of the tag, in bytes. */
  readonly length: number;
  /** The `-etm@openssh.com` ones are over what is sent, the others over what is meant. */
  readonly encryptThenMac: boolean;
  /** The key may be longer than needed. */
  start(key: Buffer): PacketMac;
}
