import { SocketAddress } from "node:net";

/** What is told of a packet. */
export interface IpHeader {
  readonly version: 4 | 6;
  readonly source: string;
  readonly destination: string;
  readonly protocol: "tcp" | "udp" | "icmp" | "other";
  /** The IP protocol's number. */
  readonly number: number;
  /** 0 where the protocol has none, or where the packet is too short to have them. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** What a datagram carries, as far as it was logged; empty for all but UDP. */
  readonly payload: Buffer;
}

const TCP = 6;
const UDP = 17;
const ICMP = 1;
const ICMP6 = 58;

/** IPv6 headers that stand before the one that counts: hop-by-hop, routing, fragment, destination options, authentication. */
const EXTENSIONS = new Set([0, 43, 44, 51, 60]);
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const MOST_EXTENSIONS = 8;
const UDP_HEADER = 8;

/** Undefined for what is not IP, or too short to tell. */
export function readIpHeader(packet: Buffer): IpHeader | undefined {
  switch ((packet[0] ?? 0) >> 4) {
    case 4:
      return packet.length < 20 ? undefined : readIpv4(packet);
    case 6:
      return packet.length < 40 ? undefined : readIpv6(packet);
    default:
      return undefined;
  }
}

function readIpv4(packet: Buffer): IpHeader {
  const number = packet.readUInt8(9);
  const headerLength = (packet.readUInt8(0) & 15) * 4;
  // Only the first fragment has ports.
  const laterFragment = (packet.readUInt16BE(6) & 0x1fff) !== 0;
  return {
    version: 4,
    source: packet.subarray(12, 16).join("."),
    destination: packet.subarray(16, 20).join("."),
    ...transport(
      number,
      laterFragment || headerLength < 20 ? packet.subarray(0, 0) : packet.subarray(headerLength),
    ),
  };
}

function readIpv6(packet: Buffer): IpHeader {
  let number = packet.readUInt8(6);
  let rest = packet.subarray(40);
  for (let count = 0; count < MOST_EXTENSIONS && EXTENSIONS.has(number) && rest.length >= 8; count++) {
    const length =
      number === FRAGMENT
        ? 8
        : number === AUTHENTICATION
          ? (rest.readUInt8(1) + 2) * 4
          : (rest.readUInt8(1) + 1) * 8;
    const laterFragment = number === FRAGMENT && rest.readUInt16BE(2) >> 3 !== 0;
    number = rest.readUInt8(0);
    rest = laterFragment ? rest.subarray(0, 0) : rest.subarray(length);
  }
  return {
    version: 6,
    source: showIpv6(packet.subarray(8, 24)),
    destination: showIpv6(packet.subarray(24, 40)),
    ...transport(number, rest),
  };
}

function transport(number: number, rest: Buffer): Omit<IpHeader, "version" | "source" | "destination"> {
  const protocol =
    number === TCP ? "tcp" : number === UDP ? "udp" : number === ICMP || number === ICMP6 ? "icmp" : "other";
  const hasPorts = (protocol === "tcp" || protocol === "udp") && rest.length >= 4;
  return {
    protocol,
    number,
    sourcePort: hasPorts ? rest.readUInt16BE(0) : 0,
    destinationPort: hasPorts ? rest.readUInt16BE(2) : 0,
    payload: number === UDP ? rest.subarray(UDP_HEADER) : rest.subarray(0, 0),
  };
}

/** In the usual short form, as the kernel writes it. */
function showIpv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new SocketAddress({ address: groups.join(":"), family: "ipv6" }).address;
}
