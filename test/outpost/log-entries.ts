/** Writes what tcpdump writes of netfilter's log, byte by byte as the kernel's headers have it. */

export function pcapHeader(linkType = 239): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(256, 16);
  header.writeUInt32LE(linkType, 20);
  return header;
}

export function pcapPacket(entry: Buffer, cutTo = 256): Buffer {
  const kept = entry.subarray(0, cutTo);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(kept.length, 8);
  header.writeUInt32LE(entry.length, 12);
  return Buffer.concat([header, kept]);
}

export function logEntry(prefix: string, payload: Buffer, mac?: string): Buffer {
  return Buffer.concat([
    Buffer.from([2, 0, 0x4d, 0x0d]),
    value(1, Buffer.from([8, 0, 0, 0])),
    value(10, Buffer.from(`${prefix}\0`, "latin1")),
    ...(mac === undefined
      ? []
      : [value(8, Buffer.from([0, 6, 0, 0, ...mac.split(":").map((part) => parseInt(part, 16)), 0, 0]))]),
    value(9, payload),
  ]);
}

export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  readonly ports?: readonly [number, number];
  readonly payload?: Buffer;
  /** In units of eight bytes. */
  readonly fragmentOffset?: number;
}

export function ipv4({ from, to, protocol, ports, payload, fragmentOffset }: Packet): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(fragmentOffset ?? 0, 6);
  header[8] = 64;
  header[9] = protocol;
  header.set(from.split(".").map(Number), 12);
  header.set(to.split(".").map(Number), 16);
  return Buffer.concat([header, transport(protocol, ports), payload ?? Buffer.alloc(0)]);
}

/** `from` and `to` in full, as 32 hexadecimal digits. */
export function ipv6({ from, to, protocol, ports }: Packet, extensions = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(8);
  header[0] = 0x60;
  header[6] = extensions.length > 0 ? 0 : protocol;
  const addresses = [from, to].map((address) => Buffer.from(address, "hex"));
  return Buffer.concat([header, ...addresses, extensions, transport(protocol, ports)]);
}

function transport(protocol: number, ports: readonly [number, number] | undefined): Buffer {
  if (!ports) return Buffer.from([8, 0, 0, 0]);
  const header = Buffer.alloc(protocol === 6 ? 20 : 8);
  header.writeUInt16BE(ports[0], 0);
  header.writeUInt16BE(ports[1], 2);
  return header;
}

function value(type: number, bytes: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(4 + bytes.length, 0);
  header.writeUInt16LE(type, 2);
  return Buffer.concat([header, bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
