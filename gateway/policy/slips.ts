/** What is valid and was probably not meant so. */
import ipaddr from "ipaddr.js";
import type { Policy } from "../model/policy.ts";
import type { PolicyPath } from "./problem.ts";
import { parseRange } from "./ranges.ts";

interface Slip {
  readonly path: PolicyPath;
  readonly message: string;
}

export function slips({ auth, network, profiles }: Policy): Slip[] {
  return [
    ...auth.rules.flatMap(({ source }, index) => hostBits(source, ["auth", "rules", index, "source"])),
    ...hostBits(network.fences, ["network", "fences"]),
    ...hostBits(network.openFences, ["network", "openFences"]),
    ...profiles.flatMap((profile, index) => [
      ...hostBits(profile.match.source, ["profiles", index, "match", "source"]),
      ...hostBits(profile.network?.fences, ["profiles", index, "network", "fences"]),
      ...hostBits(profile.network?.openFences, ["profiles", index, "network", "openFences"]),
    ]),
  ];
}

/** Ranges that name one address in a network, and stand for all of it. */
function hostBits(ranges: string | readonly string[] | undefined, path: PolicyPath): Slip[] {
  if (ranges === undefined) return [];
  if (typeof ranges !== "string") return ranges.flatMap((range, index) => hostBits(range, [...path, index]));
  const [address, bits] = parseRange(ranges);
  const whole = ipaddr.fromByteArray(address.toByteArray().map((byte, index) => byte & maskAt(index, bits)));
  if (whole.toString() === address.toString()) return [];
  const network = `${whole.toString()}/${bits}`;
  const message = `is ${ranges}, which stands for the whole network ${network}. Write that, or ${address.toString()} for the one address`;
  return [{ path, message }];
}

/** Of a netmask of so many bits, the byte at `index`. */
function maskAt(index: number, bits: number): number {
  return 0xff & ~(0xff >> Math.min(8, Math.max(0, bits - index * 8)));
}
