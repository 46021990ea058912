import type { Opener } from "./ciphers/direction.ts";
import { plainOpener } from "./ciphers/plain.ts";
import type { Inflater } from "./compression.ts";
import { ProtocolError } from "./failures.ts";
import { LARGEST_PACKET } from "./limits.ts";

const EMPTY = Buffer.alloc(0);
/** Packets that came in more than one chunk are put together here: shared, as each is used up before the next is begun. */
const ASSEMBLY = Buffer.allocUnsafeSlow(4 + LARGEST_PACKET + 64);
/** Chunks kept as they came; more are copied into one, so that a packet in single bytes does not cost an object for each. */
const MOST_CHUNKS = 16;

/**
 * Takes what the socket gives and yields payloads, parsed in place where a packet lies in one chunk. Limits and the order of checks are those of
 * OpenSSH's `ssh_packet_read_poll2`.
 */
export class PacketReader {
  /** Of the packet that `next` returned last. */
  sequence = 0;
  /** Since the last `install`, for the rekey limits. */
  packets = 0;
  blocks = 0;
  #opener: Opener = plainOpener;
  #inflater: Inflater | undefined;
  #nextSequence = 0;
  /** The packet's length field, or -1 while it is not known. */
  #length = -1;
  #chunk: Buffer = EMPTY;
  #at = 0;
  /** Chunks after `#chunk`. */
  #more: Buffer[] = [];
  #moreLength = 0;

  get blockSize(): number {
    return this.#opener.blockSize;
  }

  /** Bytes that were read from the socket and not yet returned in a payload. */
  get unread(): number {
    return this.#chunk.length - this.#at + this.#moreLength;
  }

  push(chunk: Buffer): void {
    if (this.#at === this.#chunk.length && this.#moreLength === 0) {
      this.#chunk = chunk;
      this.#at = 0;
      return;
    }
    this.#more.push(chunk);
    this.#moreLength += chunk.length;
    if (this.#more.length < MOST_CHUNKS) return;
    const joined = Buffer.concat(this.#more);
    this.#more = [];
    if (this.#moreLength > this.#chunk.length - this.#at) {
      // Doubling: each byte is copied a bounded number of times however small the pieces are.
      this.#chunk = Buffer.concat([this.#chunk.subarray(this.#at), joined]);
      this.#at = 0;
      this.#moreLength = 0;
    } else {
      this.#more.push(joined);
    }
  }

  /** Bytes that came and are not looked at yet. */
  get waiting(): number {
    return this.#chunk.length - this.#at + this.#moreLength;
  }

  /** New keys from the next packet on. */
  install(opener: Opener): void {
    this.#opener = opener;
    this.packets = 0;
    this.blocks = 0;
  }

  /** Of the next packet, to 0. With strict key exchange OpenSSH does so at each NEWKEYS, even one that it refuses. */
  resetSequence(): void {
    this.#nextSequence = 0;
  }

  /** From the next packet on; undefined: no compression. */
  inflateWith(inflater: Inflater | undefined): void {
    this.#inflater?.close();
    this.#inflater = inflater;
  }

  /**
   * The next payload, or undefined when it is not here in full. The buffer lives until the next call.
   *
   * @throws ProtocolError when it is not a packet.
   */
  next(): Buffer | undefined {
    const opener = this.#opener;
    if (this.#length < 0) {
      const head = this.#contiguous(opener.headLength);
      if (!head) return undefined;
      this.#length = this.#checkedLength(opener.length(head.bytes, head.start, this.#nextSequence));
    }
    const size = 4 + this.#length + opener.tagLength;
    const whole = this.#contiguous(size);
    if (!whole) return undefined;
    const packet = opener.open(whole.bytes, whole.start, this.#length, this.#nextSequence);
    if (!packet) throw new ProtocolError("corrupted MAC on input");
    this.#consume(size);
    this.sequence = this.#nextSequence;
    this.#nextSequence = (this.#nextSequence + 1) >>> 0;
    this.packets++;
    this.blocks += (this.#length + 4) / opener.blockSize;
    this.#length = -1;
    const payload = withoutPadding(packet);
    return this.#inflater ? this.#inflater.inflate(payload) : payload;
  }

  close(): void {
    this.inflateWith(undefined);
    this.#chunk = EMPTY;
    this.#at = 0;
    this.#more = [];
    this.#moreLength = 0;
  }

  #checkedLength(length: number): number {
    const { blockSize, lengthApart } = this.#opener;
    if (length < 5 || length > LARGEST_PACKET) throw new ProtocolError(`bad packet length ${length}`);
    const inBlocks = lengthApart ? length : 4 + length;
    if (inBlocks % blockSize !== 0)
      throw new ProtocolError(`padding error: need ${inBlocks} block ${blockSize}`);
    return length;
  }

  /** `size` bytes in one piece, not consumed yet. */
  #contiguous(size: number): { bytes: Buffer; start: number } | undefined {
    const here = this.#chunk.length - this.#at;
    if (here >= size) return { bytes: this.#chunk, start: this.#at };
    if (here + this.#moreLength < size) return undefined;
    ASSEMBLY.set(this.#chunk.subarray(this.#at), 0);
    let have = here;
    for (const chunk of this.#more) {
      const part = chunk.subarray(0, size - have);
      ASSEMBLY.set(part, have);
      have += part.length;
      if (have === size) break;
    }
    return { bytes: ASSEMBLY, start: 0 };
  }

  #consume(size: number): void {
    this.#at += size;
    while (this.#at >= this.#chunk.length) {
      const next = this.#more.shift();
      if (!next) {
        this.#chunk = EMPTY;
        this.#at = 0;
        return;
      }
      this.#at -= this.#chunk.length;
      this.#chunk = next;
      this.#moreLength -= next.length;
    }
  }
}

function withoutPadding(packet: Buffer): Buffer {
  const padding = packet[0] ?? 0;
  if (padding < 4) {
    const told = `Corrupted padlen ${padding} on input.`;
    throw new ProtocolError(told, told);
  }
  if (padding >= packet.length - 1) throw new ProtocolError("a packet without a payload");
  return packet.subarray(1, packet.length - padding);
}
