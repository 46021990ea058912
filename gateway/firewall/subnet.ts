import { isIPv4 } from "node:net";
import { MitsubakoError } from "../model/errors.ts";
import { bridgeOf } from "../model/slot.ts";
import { command } from "./command.ts";

export interface Subnet {
  /** Such as `10.203.0.0/20`. */
  readonly cidr: string;
  readonly network: number;
  readonly mask: number;
  readonly prefix: number;
  /** The first host address; by custom the router's. */
  readonly first: string;
}

/** @throws RangeError for anything but an IPv4 network of 8 to 30 bits. */
export function parseSubnet(cidr: string): Subnet {
  const [address = "", bits = ""] = cidr.split("/");
  const prefix = Number(bits);
  if (!isIPv4(address) || !/^\d{1,2}$/.test(bits) || prefix < 8 || prefix > 30)
    throw new RangeError(`${cidr} is not an IPv4 network of 8 to 30 bits`);
  const mask = maskOf(prefix);
  const network = addressNumber(address);
  if ((network & ~mask) !== 0) throw new RangeError(`${cidr} has host bits set`);
  return { cidr, network, mask, prefix, first: toAddress(network + 1) };
}

export function contains(subnet: Subnet, address: string): boolean {
  return isIPv4(address) && (addressNumber(address) & subnet.mask) >>> 0 === subnet.network;
}

/** The subnet's n-th address; negative ones count from behind, -1 is the broadcast address. */
export function hostAt({ network, mask }: Subnet, index: number): string {
  const size = 2 ** 32 - mask;
  return toAddress(network + (index < 0 ? size + index : index));
}

/** A range such as `10.0.0.0/8`, or a single address, as numbers. */
export function numbersOf(range: string): { readonly network: number; readonly mask: number } {
  const [address = "", bits = "32"] = range.split("/");
  const mask = maskOf(Number(bits));
  return { network: (addressNumber(address) & mask) >>> 0, mask };
}

/** Whether two ranges such as `10.0.0.0/8` and `10.1.2.3` (a single host) share an address. */
export function overlaps(one: string, other: string): boolean {
  const [a = "", aBits = "32"] = one.split("/");
  const [b = "", bBits = "32"] = other.split("/");
  const mask = maskOf(Math.min(Number(aBits), Number(bBits)));
  return ((addressNumber(a) ^ addressNumber(b)) & mask) === 0;
}

/**
 * A network for the slot's sandboxes that nothing on this machine uses: 4,094 addresses, from the private ranges as a
 * provider would choose them. The slot decides where to look first, so that a slot mostly keeps its own.
 *
 * @throws MitsubakoError `firewall-failed` when every candidate is taken; `tool-missing`.
 */
export async function freeSubnet(slot: number): Promise<Subnet> {
  const used = usedRanges(
    JSON.parse(await command("ip", ["-4", "-j", "route", "show", "table", "all"])),
    bridgeOf(slot),
  );
  const free = candidates(slot).find((cidr) => !used.some((range) => overlaps(range, cidr)));
  if (free !== undefined) return parseSubnet(free);
  throw new MitsubakoError("firewall-failed", "Every private network is routed somewhere on this machine.", {
    remedy: "Remove a route that covers more than it needs (`ip route` lists them).",
  });
}

/** Destinations of all routes but the default one and those of the slot's own bridge. */
export function usedRanges(routes: unknown, ownBridge: string): string[] {
  if (!Array.isArray(routes)) return [];
  return (routes as { dst?: unknown; dev?: unknown }[])
    .filter(({ dev }) => dev !== ownBridge)
    .flatMap(({ dst }) => (typeof dst === "string" && isIPv4(dst.split("/")[0] ?? "") ? [dst] : []))
    .filter((range) => !range.endsWith("/0"));
}

/**
 * Docker takes its own pools from 172.17.0.0/12 upwards and 192.168.0.0/16 and leaves out what is routed, so these
 * come last.
 */
function candidates(slot: number): string[] {
  return [
    ...[200, 100, 60, 20].map((base) => `10.${base + slot}.0.0/20`),
    ...[16, 32, 48, 64].map((third) => `10.${200 + slot}.${third}.0/20`),
    `172.16.${slot * 16}.0/20`,
    `192.168.${slot * 16}.0/20`,
  ];
}

function maskOf(prefix: number): number {
  return prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
}

export function addressNumber(address: string): number {
  return address.split(".").reduce((sum, part) => ((sum << 8) | Number(part)) >>> 0, 0);
}

function toAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");
}
