import { isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import { unmapped } from "../model/endpoint.ts";
import { contains, overlaps, type Subnet } from "./subnet.ts";

/**
 * Whether a sandbox can be shown this address as its visitor's, so that what it answers comes back through the bridge.
 * Not so for
 * - IPv6: the sandboxes have IPv4 alone;
 * - 127.0.0.0/8, 0.0.0.0/8, 224.0.0.0/3: no host answers them, or answers them to itself;
 * - 169.254.0.0/16: believed to be on the link, so a sandbox with such a route would ask for it by ARP;
 * - the sandboxes' own subnet: the answer would go to a neighbour;
 * - the host's own addresses: a visitor from there is a proxy or the engine's NAT (172.17.0.1 would give Docker away).
 * Private addresses are shown: in a lab they are the attackers'.
 */
export function canBeShown(address: string, subnet: Subnet, ownAddresses: ReadonlySet<string>): boolean {
  return (
    isIPv4(address) &&
    !UNROUTABLE.some((range) => overlaps(range, address)) &&
    !contains(subnet, address) &&
    !ownAddresses.has(address)
  );
}

const UNROUTABLE = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"];

/** The host's own addresses; read anew from time to time, as interfaces come and go. */
export function hostAddresses(): ReadonlySet<string> {
  return new Set(
    Object.values(networkInterfaces())
      .flat()
      .flatMap((entry) => (entry ? [unmapped(entry.address)] : [])),
  );
}
