import type {
  Agreed,
  Transport,
  TransportEnd,
  TransportHandler,
} from "../../../gateway/ssh/transport/transport.ts";

const AGREED: Agreed = {
  kex: "curve25519-sha256",
  hostKey: "ssh-ed25519",
  cipherToServer: "chacha20-poly1305@openssh.com",
  cipherToClient: "chacha20-poly1305@openssh.com",
  macToServer: "",
  macToClient: "",
  compressionToServer: "none",
  compressionToClient: "none",
};

/**
 * A leg without a network: what one end sends, the other end's handler gets, in order, in batches, in a later turn of the loop. It
 * holds at most `mark` payloads that the other end has not taken before `send` says false.
 */
export class MemoryTransport implements Transport {
  readonly sessionId = Buffer.from("0123456789abcdef0123456789abcdef");
  readonly peerIdentification = Buffer.from("SSH-2.0-memory");
  readonly agreed = AGREED;
  readonly wantsExtInfoInAuth = false;
  readonly role: "server" | "client";
  readonly closed: Promise<TransportEnd>;
  readonly mark = 16;
  /** What the other end was sent and has not taken. */
  readonly queue: (Buffer | TransportEnd)[] = [];
  compressing = false;
  #peer: MemoryTransport | undefined;
  #handler: TransportHandler | null = null;
  #paused = false;
  #corks = 0;
  #corked: Buffer[] = [];
  #ended = false;
  #full = false;
  #sequence = 0;
  #scheduled = false;
  #close!: (end: TransportEnd) => void;

  private constructor(role: "server" | "client") {
    this.role = role;
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  static pair(): { client: MemoryTransport; server: MemoryTransport } {
    const client = new MemoryTransport("client");
    const server = new MemoryTransport("server");
    client.#peer = server;
    server.#peer = client;
    return { client, server };
  }

  attach(handler: TransportHandler | null): void {
    this.#handler = handler;
    this.#schedule();
  }

  send(payload: Uint8Array): boolean {
    if (this.#ended) return true;
    this.#corked.push(Buffer.from(payload));
    if (this.#corks === 0) this.#write();
    this.#full = this.queue.length > this.mark;
    return !this.#full;
  }

  sendUnimplemented(sequence: number): void {
    const payload = Buffer.alloc(5, 3);
    payload.writeUInt32BE(sequence, 1);
    this.send(payload);
  }

  cork(): void {
    this.#corks++;
  }

  uncork(): void {
    if (--this.#corks === 0) this.#write();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  startDelayedCompression(): void {
    this.compressing = true;
  }

  disconnect(code: number, description: string): void {
    this.#finish({ kind: "disconnect", code, description: Buffer.from(description) });
  }

  end(): void {
    this.#finish({ kind: "closed" });
  }

  destroy(): void {
    this.#corked = [];
    this.#finish({ kind: "closed" });
    this.#close({ kind: "ended-by-us" });
  }

  #finish(end: TransportEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.queue.push(...this.#corked, end);
    this.#corked = [];
    this.#wakePeer();
  }

  #write(): void {
    this.queue.push(...this.#corked);
    this.#corked = [];
    this.#wakePeer();
  }

  #roomAgain(): void {
    this.#handler?.drain?.();
  }

  #wakePeer(): void {
    const peer = this.#peer;
    if (peer !== undefined) peer.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const from = this.#peer;
    if (from === undefined) return;
    let delivered = false;
    while (this.#handler !== null && !this.#paused && from.queue.length > 0) {
      const item = from.queue.shift();
      if (Buffer.isBuffer(item)) {
        delivered = true;
        this.#handler.payload(item, this.#sequence++);
        item.fill(0xee); // The handler's only during the call.
      } else if (item !== undefined) {
        this.#close(item);
        from.#close({ kind: "closed" });
      }
    }
    if (delivered) this.#handler?.batchEnd?.();
    if (from.#full && from.queue.length === 0) {
      from.#full = false;
      from.#roomAgain();
    }
  }
}
