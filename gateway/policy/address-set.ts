/** Many ranges, asked for one address: a list of a hundred thousand takes as long as one of ten. */
import type ipaddr from "ipaddr.js";
import { parseRange } from "./ranges.ts";
import { parseAddress } from "./source.ts";

type Kind = "ipv4" | "ipv6";
const WIDTH: Readonly<Record<Kind, number>> = { ipv4: 32, ipv6: 128 };

export class AddressSet {
  /** By kind and length of the prefix: the networks, as numbers without the bits behind it. */
  readonly #networks: Readonly<Record<Kind, Map<number, Set<bigint>>>> = { ipv4: new Map(), ipv6: new Map() };

  /** `range`: as the schema takes one. */
  add(range: string): void {
    const [network, bits] = parseRange(range);
    const kind = network.kind();
    const ofLength = this.#networks[kind].get(bits) ?? new Set();
    this.#networks[kind].set(bits, ofLength);
    ofLength.add(numberOf(network) >> BigInt(WIDTH[kind] - bits));
  }

  has(address: string): boolean {
    const parsed = parseAddress(address);
    const kind = parsed.kind();
    const number = numberOf(parsed);
    for (const [bits, networks] of this.#networks[kind])
      if (networks.has(number >> BigInt(WIDTH[kind] - bits))) return true;
    return false;
  }
}

function numberOf(address: ipaddr.IPv4 | ipaddr.IPv6): bigint {
  return address.toByteArray().reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}
