/** OpenSSH's `PACKET_MAX_SIZE` (packet.h): the packet length field of what is taken, and here also of what inflating may yield. Bytes. */
export const LARGEST_PACKET = 256 * 1024;

/** What OpenSSH takes out of its socket at a time before the login (packet.c, `ssh_packet_read_seqnr`). Bytes. */
export const READ_AT_ONCE = 8192;

/** What is held for a peer that does not read. Bytes. */
export interface WriteMarks {
  /** `send` is false above it; `drain` comes below half of it. */
  readonly backpressure: number;
  /**
   * Above it nothing more is read from the peer, so that answers to what it sends cannot pile up. Who heeds `send` never comes here, by a
   * payload's size: two sides that both stopped reading because their own writing is stuck would wait for each other for ever.
   */
  readonly stopReading: number;
}

/** Before login there are thousands of strangers and short messages; after it few, and bulk. */
export const BEFORE_LOGIN: WriteMarks = { backpressure: 16 * 1024, stopReading: 64 * 1024 };
export const AFTER_LOGIN: WriteMarks = { backpressure: 256 * 1024, stopReading: 768 * 1024 };

/** When we ask for new keys ourselves. OpenSSH's own values where absent. */
export interface RekeyLimits {
  /** Packets in one direction; 2^31 if absent (RFC 4344 section 3.1). */
  readonly packets?: number;
  /** Bytes in one direction; if absent 2^32 blocks for ciphers of 16 byte blocks, 1 GiB for others (RFC 4344 section 3.2). */
  readonly bytes?: number;
}

const MOST_PACKETS = 2 ** 31;

/** What went with one set of keys, in one direction. */
export interface Wear {
  readonly packets: number;
  /** Of the cipher. */
  readonly blocks: number;
  readonly blockSize: number;
}

/** Whether it is time for new keys, as OpenSSH sees it (packet.c, `ssh_set_newkeys` and `ssh_packet_need_rekeying`). */
export function needNewKeys(directions: readonly Wear[], limits: RekeyLimits): boolean {
  // One packet at least goes with each set of keys, however small the limits.
  if (directions.every(({ packets }) => packets === 0)) return false;
  return directions.some(({ packets, blocks, blockSize }) => {
    const usual = blockSize >= 16 ? 2 ** (blockSize * 2) : 2 ** 30 / blockSize;
    const most = limits.bytes === undefined ? usual : Math.min(usual, limits.bytes / blockSize);
    return blocks > most || packets > Math.min(MOST_PACKETS, limits.packets ?? MOST_PACKETS);
  });
}
