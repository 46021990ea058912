/**
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian: packets that begin with their IP header, times in nanoseconds.
 */

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const NAMES = 4;
const PACKET = 6;
/** LINKTYPE_RAW: no Ethernet stood around these packets, so none is made up. */
const RAW_IP = 101;

const END_OF_OPTIONS = 0;
const COMMENT = 1;
const TIME_RESOLUTION = 9;

/** What stands before all packets. */
export function fileStart(comment: string): Buffer {
  const section = Buffer.alloc(16);
  section.writeUInt32LE(0x1a2b3c4d, 0);
  section.writeUInt16LE(1, 4);
  // The section's length is not known beforehand.
  section.fill(0xff, 8, 16);
  const about = Buffer.alloc(8);
  about.writeUInt16LE(RAW_IP, 0);
  return Buffer.concat([
    block(SECTION, section, options([COMMENT, Buffer.from(comment)])),
    block(INTERFACE, about, options([TIME_RESOLUTION, Buffer.of(9)])),
  ]);
}

/** Says that an address stands for this name. */
export function nameOf(address: Buffer, name: string): Buffer {
  const value = Buffer.concat([address, Buffer.from(name), Buffer.of(0)]);
  const record = Buffer.alloc(4);
  record.writeUInt16LE(address.length === 4 ? 1 : 2, 0);
  record.writeUInt16LE(value.length, 2);
  return block(NAMES, Buffer.concat([record, padded(value), Buffer.alloc(4)]), Buffer.alloc(0));
}

/** @param nanoseconds since 1970. */
export function packet(nanoseconds: bigint, bytes: Buffer, comment?: string): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt32LE(Number((nanoseconds >> 32n) & 0xffffffffn), 4);
  head.writeUInt32LE(Number(nanoseconds & 0xffffffffn), 8);
  head.writeUInt32LE(bytes.length, 12);
  head.writeUInt32LE(bytes.length, 16);
  const told = comment === undefined ? Buffer.alloc(0) : options([COMMENT, Buffer.from(comment)]);
  return block(PACKET, Buffer.concat([head, padded(bytes)]), told);
}

function block(type: number, body: Buffer, opts: Buffer): Buffer {
  const length = 12 + body.length + opts.length;
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(length, 4);
  return Buffer.concat([head, body, opts, head.subarray(4)]);
}

function options(...all: (readonly [code: number, value: Buffer])[]): Buffer {
  const parts = [...all, [END_OF_OPTIONS, Buffer.alloc(0)] as const].map(([code, value]) => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(code, 0);
    head.writeUInt16LE(value.length, 2);
    return Buffer.concat([head, padded(value)]);
  });
  return Buffer.concat(parts);
}

/** To a multiple of four. */
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
