import type { ByteString } from "../model/bytes.ts";
import type { Endpoint } from "../model/endpoint.ts";
import { isNetworkRule, MOST_FIRST_BYTES, type NetworkFact } from "../model/network-facts.ts";

/**
 * The network fact that a JSON value is, with nothing else in it, or undefined where it is none: a front that was taken over can
 * write anything, and a later version may know rules that this one does not.
 */
export function networkFactOf(value: unknown): NetworkFact | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { kind, rule, protocol, number, from, to, count, name, data, size } = value as Record<
    string,
    unknown
  >;
  const end = endpointOf(to);
  if (kind !== "network" || typeof rule !== "string" || !isNetworkRule(rule)) return undefined;
  if (!isProtocol(protocol) || !isWhole(from, 65_535) || end === undefined) return undefined;
  if (!isWhole(count, Number.MAX_SAFE_INTEGER) || count === 0) return undefined;
  if (number !== undefined && !isWhole(number, 255)) return undefined;
  if (size !== undefined && !isWhole(size, Number.MAX_SAFE_INTEGER)) return undefined;
  if (name !== undefined && !isBytes(name)) return undefined;
  if (data !== undefined && !isBytes(data)) return undefined;
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
  if (typeof value !== "object" || value === null) return undefined;
  const { address, port } = value as Record<string, unknown>;
  if (typeof address !== "string" || !/^[0-9a-f:.]{2,45}$/.test(address)) return undefined;
  return isWhole(port, 65_535) ? { address, port } : undefined;
}

function isProtocol(value: unknown): value is NetworkFact["protocol"] {
  return value === "tcp" || value === "udp" || value === "icmp" || value === "other";
}

function isWhole(value: unknown, most: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= most;
}

/** A ByteString: one character per byte. */
function isBytes(value: unknown): value is ByteString {
  return typeof value === "string" && value.length <= MOST_FIRST_BYTES && /^[\0-\xff]*$/.test(value);
}
