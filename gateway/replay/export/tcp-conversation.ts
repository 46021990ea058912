import { FIN, PUSH, RST, SYN, segmentSize, synOptions, tcpPacket, type End } from "./tcp-packet.ts";

export type Side = "client" | "server";

/**
 * A TCP connection made up from what passed through a channel: as it would have looked had nothing been lost and every piece been
 * acknowledged at once. Each call gives the packets that it takes, in order.
 */
export class TcpConversation {
  readonly #ends: Readonly<Record<Side, End>>;
  readonly #next: Record<Side, number> = { client: 0, server: 0 };
  readonly #finished: Record<Side, boolean> = { client: false, server: false };
  #state: "asked" | "open" | "over" = "asked";
  #id = 0;

  constructor(ends: Readonly<Record<Side, End>>) {
    this.#ends = ends;
  }

  get over(): boolean {
    return this.#state === "over";
  }

  ask(): Buffer[] {
    return [this.#packet("client", SYN, synOptions(this.#ends.client.address))];
  }

  accept(): Buffer[] {
    if (this.#state !== "asked") return [];
    this.#state = "open";
    return [this.#packet("server", SYN, synOptions(this.#ends.server.address)), this.#packet("client", 0)];
  }

  refuse(): Buffer[] {
    if (this.#state !== "asked") return [];
    this.#state = "over";
    return [this.#packet("server", RST)];
  }

  data(from: Side, data: Buffer): Buffer[] {
    if (this.#state !== "open" || data.length === 0) return [];
    const packets: Buffer[] = [];
    const size = segmentSize(this.#ends[from].address);
    for (let at = 0; at < data.length; at += size) {
      const last = at + size >= data.length;
      packets.push(this.#packet(from, last ? PUSH : 0, NOTHING, data.subarray(at, at + size)));
    }
    packets.push(this.#packet(other(from), 0));
    return packets;
  }

  /** This side sends no more. */
  finish(from: Side): Buffer[] {
    if (this.#state !== "open" || this.#finished[from]) return [];
    this.#finished[from] = true;
    if (this.#finished[other(from)]) this.#state = "over";
    return [this.#packet(from, FIN), this.#packet(other(from), 0)];
  }

  /** This side closed the channel: a connection that it had not finished is broken off. */
  close(from: Side): Buffer[] {
    if (this.#state !== "open" || this.#finished[from]) return [];
    this.#state = "over";
    return [this.#packet(from, RST)];
  }

  #packet(from: Side, flags: number, options: Buffer = NOTHING, data: Buffer = NOTHING): Buffer {
    const to = other(from);
    const sequence = this.#next[from];
    const counted = data.length + ((flags & (SYN | FIN)) === 0 ? 0 : 1);
    this.#next[from] = (sequence + counted) >>> 0;
    const first = from === "client" && flags === SYN;
    return tcpPacket(
      {
        from: this.#ends[from],
        to: this.#ends[to],
        sequence,
        acknowledges: first ? undefined : this.#next[to],
        flags,
        options,
        data,
      },
      ++this.#id,
    );
  }
}

const NOTHING: Buffer = Buffer.alloc(0);

function other(side: Side): Side {
  return side === "client" ? "server" : "client";
}
