/** Addresses and CIDR ranges of a policy. */
import ipaddr from "ipaddr.js";
import { parseAddress } from "./source.ts";

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Whether an address lies in one of the ranges. */
export function compileRanges(ranges: string | readonly string[]): (address: string) => boolean {
  const parsed = (typeof ranges === "string" ? [ranges] : ranges).map(parseRange);
  return (address) => {
    const at = parseAddress(address);
    return parsed.some(([network, bits]) => network.kind() === at.kind() && at.match(network, bits));
  };
}

/** Whether they share an address. */
export function rangesOverlap(one: string, other: string): boolean {
  const [a, aBits] = parseRange(one);
  const [b, bBits] = parseRange(other);
  return a.kind() === b.kind() && a.match(b, Math.min(aBits, bBits));
}

/** Whether the address is of the kinds that are fenced without being named: private, link-local and the like. */
export function isNeverPublic(address: string): boolean {
  return NEVER_PUBLIC.has(parseAddress(address).range());
}

const NEVER_PUBLIC = new Set([
  "private",
  "carrierGradeNat",
  "linkLocal",
  "loopback",
  "multicast",
  "broadcast",
  "unspecified",
]);

/** A mapped IPv6 range (`::ffff:192.0.2.0/120`) means the IPv4 range in it. */
export function parseRange(range: string): Range {
  const [address = "", prefix] = range.split("/");
  const raw = ipaddr.parse(address);
  const network = parseAddress(address);
  const bits = prefix === undefined ? raw.toByteArray().length * 8 : Number(prefix);
  const isUnmapped = network.kind() !== raw.kind();
  // A mapped range wider than /96 reaches beyond the IPv4 addresses; no IPv4 source is meant by it.
  return isUnmapped && bits >= 96 ? [network, bits - 96] : [isUnmapped ? raw : network, bits];
}
