import type { Endpoint } from "../model/endpoint.ts";
import { isNetworkRule, MOST_FIRST_BYTES, type NetworkFact } from "../model/network-facts.ts";
import { fieldsOf, isAddress, isBytes, isWhole } from "./plain-values.ts";

/**
 * The network fact that a JSON value is, with nothing else in it, or undefined where it is none: a front that was taken over can
 * write anything, and a later version may know rules that this one does not.
 */
export function networkFactOf(value: unknown): NetworkFact | undefined {
  const { kind, rule, protocol, number, from, to, count, name, data, size } = fieldsOf(value) ?? {};
  const end = endpointOf(to);
  if (kind !== "network" || typeof rule !== "string" || !isNetworkRule(rule)) return undefined;
  if (!isProtocol(protocol) || !isWhole(from, 65_535) || end === undefined) return undefined;
  if (!isWhole(count, Number.MAX_SAFE_INTEGER) || count === 0) return undefined;
  if (number !== undefined && !isWhole(number, 255)) return undefined;
  if (size !== undefined && !isWhole(size, Number.MAX_SAFE_INTEGER)) return undefined;
  if (name !== undefined && !isBytes(name, MOST_FIRST_BYTES)) return undefined;
  if (data !== undefined && !isBytes(data, MOST_FIRST_BYTES)) return undefined;
  return {
    kind,
    rule,
    protocol,
    ...(number === undefined ? {} : { number }),
    from,
    to: end,
    count,
    ...(name === undefined ? {} : { name }),
    ...(data === undefined ? {} : { data }),
    ...(size === undefined ? {} : { size }),
  };
}

function endpointOf(value: unknown): Endpoint | undefined {
  const { address, port } = fieldsOf(value) ?? {};
  return isAddress(address) && isWhole(port, 65_535) ? { address, port } : undefined;
}

function isProtocol(value: unknown): value is NetworkFact["protocol"] {
  return value === "tcp" || value === "udp" || value === "icmp" || value === "other";
}
