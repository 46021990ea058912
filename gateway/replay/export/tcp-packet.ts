/** One side of a connection: address in network order (4 or 16 bytes) and port. */
export interface End {
  readonly address: Buffer;
  readonly port: number;
}

export interface Segment {
  readonly from: End;
  readonly to: End;
  readonly sequence: number;
  /** Undefined: nothing is acknowledged yet. */
  readonly acknowledges: number | undefined;
  readonly flags: number;
  /** A SYN's: what either side takes. */
  readonly options: Buffer;
  readonly data: Buffer;
}

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PUSH = 8;
const ACK = 16;

const TCP = 6;
const HOPS = 64;
/** With the scale of the options below 8 MiB, more than any SSH window: no reader need think that one is full. */
const WINDOW = 0xffff;
const SCALE = 7;

/** Data that fits into one packet of 1,500 bytes. */
export function segmentSize(address: Buffer): number {
  return 1500 - ipHeaderSize(address) - 20;
}

export function synOptions(address: Buffer): Buffer {
  const options = Buffer.from([2, 4, 0, 0, 1, 3, 3, SCALE]);
  options.writeUInt16BE(segmentSize(address), 2);
  return options;
}

/** The packet from its IP header on, with sums as a network would make them (RFC 791, RFC 8200, RFC 9293). */
export function tcpPacket(segment: Segment, id: number): Buffer {
  const { from, to, acknowledges, options, data } = segment;
  const size = 20 + options.length + data.length;
  const ip =
    from.address.length === 4 ? ip4(from.address, to.address, size, id) : ip6(from.address, to.address, size);
  const tcp = Buffer.alloc(20);
  tcp.writeUInt16BE(from.port, 0);
  tcp.writeUInt16BE(to.port, 2);
  tcp.writeUInt32BE(segment.sequence, 4);
  tcp.writeUInt32BE(acknowledges ?? 0, 8);
  tcp.writeUInt8((5 + options.length / 4) << 4, 12);
  tcp.writeUInt8(segment.flags | (acknowledges === undefined ? 0 : ACK), 13);
  tcp.writeUInt16BE(WINDOW, 14);
  const pseudo = Buffer.alloc(8);
  pseudo.writeUInt32BE(size, 0);
  pseudo.writeUInt32BE(TCP, 4);
  const parts = [from.address, to.address, pseudo, tcp, options, data];
  tcp.writeUInt16BE(checksum(parts), 16);
  return Buffer.concat([ip, tcp, options, data]);
}

function ipHeaderSize(address: Buffer): number {
  return address.length === 4 ? 20 : 40;
}

function ip4(from: Buffer, to: Buffer, size: number, id: number): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt8(0x45, 0);
  head.writeUInt16BE(20 + size, 2);
  head.writeUInt16BE(id & 0xffff, 4);
  head.writeUInt16BE(0x4000, 6); // do not fragment
  head.writeUInt8(HOPS, 8);
  head.writeUInt8(TCP, 9);
  from.copy(head, 12);
  to.copy(head, 16);
  head.writeUInt16BE(checksum([head]), 10);
  return head;
}

function ip6(from: Buffer, to: Buffer, size: number): Buffer {
  const head = Buffer.alloc(40);
  head.writeUInt8(0x60, 0);
  head.writeUInt16BE(size, 4);
  head.writeUInt8(TCP, 6);
  head.writeUInt8(HOPS, 7);
  from.copy(head, 8);
  to.copy(head, 24);
  return head;
}

/** The Internet checksum (RFC 1071). All parts but the last have an even length. */
function checksum(parts: readonly Buffer[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let at = 0; at + 1 < part.length; at += 2) sum += part.readUInt16BE(at);
    if (part.length % 2 === 1) sum += part.readUInt8(part.length - 1) << 8;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}
