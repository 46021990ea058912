/** Of a pcap stream's header, and of the header before each of its packets, in bytes. */
const FILE_HEADER = 24;
const PACKET_HEADER = 16;
/** DLT_NFLOG: what netfilter's log says of a packet, then the packet. */
const LINK_TYPE = 239;
/** We ask for 256 bytes of each packet; a length beyond this is no length, and nothing behind it can be trusted. */
const LARGEST_PACKET = 65_536;

const NOTHING = Buffer.alloc(0);

/**
 * Cuts a pcap stream into packets, as it comes, keeping at most one that is not whole yet. Once the stream is not what it should
 * be, it stays broken: where the next packet begins cannot be known.
 */
export class PcapStream {
  #rest: Buffer = NOTHING;
  #order: "LE" | "BE" | undefined;
  #broken = false;

  get broken(): boolean {
    return this.#broken;
  }

  /** The packets that are whole now; each is a view that is good until the next call. */
  *take(chunk: Buffer): Generator<Buffer> {
    if (this.#broken) return;
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = NOTHING;
    if (this.#order === undefined) {
      if (bytes.length < FILE_HEADER) {
        this.#rest = Buffer.from(bytes);
        return;
      }
      this.#order = orderOf(bytes);
      if (this.#order === undefined) {
        this.#broken = true;
        return;
      }
      bytes = bytes.subarray(FILE_HEADER);
    }
    while (bytes.length >= PACKET_HEADER) {
      const length = this.#order === "LE" ? bytes.readUInt32LE(8) : bytes.readUInt32BE(8);
      if (length > LARGEST_PACKET) {
        this.#broken = true;
        return;
      }
      if (bytes.length < PACKET_HEADER + length) break;
      yield bytes.subarray(PACKET_HEADER, PACKET_HEADER + length);
      bytes = bytes.subarray(PACKET_HEADER + length);
    }
    // A copy: the chunk is the reader's, and would be held whole for the sake of its end.
    this.#rest = Buffer.from(bytes);
  }
}

/** From the magic number, for times in micro- or nanoseconds; undefined for anything but a log of netfilter's. */
function orderOf(header: Buffer): "LE" | "BE" | undefined {
  const magic = header.readUInt32BE(0);
  const order =
    magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1
      ? "LE"
      : magic === 0xa1b2c3d4 || magic === 0xa1b23c4d
        ? "BE"
        : undefined;
  if (order === undefined) return undefined;
  const linkType = order === "LE" ? header.readUInt32LE(20) : header.readUInt32BE(20);
  // The upper bits say how long a frame's check sum is.
  return (linkType & 0xffff) === LINK_TYPE ? order : undefined;
}
