import { isIP } from "node:net";

/** An IPv4 or IPv6 address as sixteen bytes that sort as addresses do, IPv4 in its mapped form. Undefined: it is none. */
export function addressKey(address: string): Buffer | undefined {
  const [plain = ""] = address.split("%");
  switch (isIP(plain)) {
    case 4:
      return Buffer.from([...MAPPED, ...bytesOfIPv4(plain)]);
    case 6:
      return Buffer.from(bytesOfIPv6(plain));
    default:
      return undefined;
  }
}

export interface AddressRange {
  readonly from: Buffer;
  readonly to: Buffer;
}

/** The addresses that `203.0.113.7`, `203.0.113.0/24` or `2001:db8::/32` names. Undefined: it names none. */
export function addressRange(text: string): AddressRange | undefined {
  const [, address = "", length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const key = addressKey(address);
  if (key === undefined) return undefined;
  const most = isIP(address) === 4 ? 32 : 128;
  const bits = Number(length ?? most);
  if (bits > most) return undefined;
  const fixed = bits + 128 - most;
  const from = Buffer.from(key.map((byte, place) => byte & maskAt(place, fixed)));
  const to = Buffer.from(key.map((byte, place) => byte | (~maskAt(place, fixed) & 0xff)));
  return { from, to };
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

function maskAt(place: number, fixed: number): number {
  const bits = Math.min(8, Math.max(0, fixed - place * 8));
  return (0xff << (8 - bits)) & 0xff;
}

function bytesOfIPv4(address: string): number[] {
  return address.split(".").map(Number);
}

function bytesOfIPv6(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  return [...before, ...Array<number>(16 - before.length - after.length).fill(0), ...after];
}

function groupsOf(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (group.includes(".")) return bytesOfIPv4(group);
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
