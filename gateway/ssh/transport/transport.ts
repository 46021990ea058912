/**
 * One leg of SSH (RFC 4253): identification, packets, key exchange in either role. It carries payloads and knows
 * nothing of what they mean above the transport layer.
 */
export interface Transport {
  readonly role: "server" | "client";
  /** Exchange hash of the first key exchange. */
  readonly sessionId: Buffer;
  /** The peer's identification line without CR LF. */
  readonly peerIdentification: Buffer;
  readonly agreed: Agreed;
  /** The client wants to be told once more, at its first attempt, what its key may sign with (OpenSSH's PROTOCOL, section 2.3). */
  readonly wantsExtInfoInAuth: boolean;

  /**
   * Who gets the payloads from now on. While nobody is attached the socket is not read; nothing is lost between two handlers.
   * Passing null detaches.
   */
  attach(handler: TransportHandler | null): void;
  /**
   * Encrypts and writes one payload, which is consumed before this returns. False: the socket's buffer is over its
   * mark, wait for `drain`. While a key exchange runs payloads are held back in order (RFC 4253 section 9) and this is false.
   */
  send(payload: Uint8Array): boolean;
  /** SSH_MSG_UNIMPLEMENTED for the packet with this sequence number. */
  sendUnimplemented(sequence: number): void;
  /** Between the two calls written packets are gathered into one write. Calls nest. */
  cork(): void;
  uncork(): void;
  pause(): void;
  resume(): void;
  /** `zlib@openssh.com`, if agreed, starts with the next packet. To be called right around SSH_MSG_USERAUTH_SUCCESS. */
  startDelayedCompression(): void;
  /** SSH_MSG_DISCONNECT, then the end of our side. */
  disconnect(code: number, description: string): void;
  /** The end of our side without a word, after what was sent has left. */
  end(): void;
  destroy(): void;
  /** Settles once, never rejects. */
  readonly closed: Promise<TransportEnd>;
}

export interface TransportHandler {
  /**
   * Every payload but those the transport layer owns (types 1 to 4, 7, 20 to 49). A ping (192) only after the login, where we know pings.
   * The buffer is the handler's only during the call.
   */
  payload(payload: Buffer, sequence: number): void;
  /** A whole SSH_MSG_DEBUG, to who wants to hear of those. */
  debug?(payload: Buffer, sequence: number): void;
  /** All payloads of one read from the socket were delivered. */
  batchEnd?(): void;
  /** `send` may go on. */
  drain?(): void;
}

export interface Agreed {
  readonly kex: string;
  readonly hostKey: string;
  readonly cipherToServer: string;
  readonly cipherToClient: string;
  readonly macToServer: string;
  readonly macToClient: string;
  readonly compressionToServer: string;
  readonly compressionToClient: string;
}

export type TransportEnd =
  | { readonly kind: "closed" }
  | { readonly kind: "disconnect"; readonly code: number; readonly description: Buffer }
  | { readonly kind: "protocol-error"; readonly message: string }
  | { readonly kind: "socket-error"; readonly error: Error }
  | { readonly kind: "ended-by-us" };
