/** A key exchange of one message each way (RFC 4253 section 8, RFC 5656 section 4, RFC 8731): INIT from the client, REPLY from the server. */
export interface KexMethod {
  readonly hash: "sha256" | "sha384" | "sha512";
  /** A fresh key pair for one exchange. */
  start(): Promise<KexSide>;
}

export interface KexSide {
  /** Ours, as it stands in the message: the body of a string or of an mpint, which look the same on the wire. */
  readonly publicValue: Buffer;
  /**
   * The shared secret as a number, big-endian.
   *
   * @throws ProtocolError when the peer's value is not one that may be computed with.
   */
  secret(peer: Buffer): Promise<Buffer>;
}
