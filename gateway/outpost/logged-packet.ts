import { isNetworkRule, LOG_PREFIX, type NetworkRule } from "../model/network-facts.ts";
import { readIpHeader, type IpHeader } from "./ip-header.ts";

/** What netfilter logged of one packet. */
export interface LoggedPacket {
  readonly rule: NetworkRule;
  /** Hardware address of who sent the frame. */
  readonly mac: string | undefined;
  /** Undefined for what is not IP. */
  readonly ip: IpHeader | undefined;
}

/** Types of the values in a log entry (linux/netfilter/nfnetlink_log.h). */
const HARDWARE_ADDRESS = 8;
const PAYLOAD = 9;
const PREFIX = 10;
/** Before the values: address family, version, group. */
const ENTRY_HEADER = 4;
const VALUE_HEADER = 4;
/** No entry has as many; who writes more wants us to be busy. */
const MOST_VALUES = 64;

/**
 * Reads one entry of netfilter's log. Undefined for one that no rule of ours wrote. What lies in the payload is a
 * stranger's, and cut off after some 200 bytes; nothing in it makes this throw.
 */
export function readLoggedPacket(entry: Buffer): LoggedPacket | undefined {
  let rule: NetworkRule | undefined;
  let mac: string | undefined;
  let ip: IpHeader | undefined;
  let offset = ENTRY_HEADER;
  for (let count = 0; count < MOST_VALUES && offset + VALUE_HEADER <= entry.length; count++) {
    // Lengths and types are in the machine's own order, which is little-endian wherever Node runs.
    const length = entry.readUInt16LE(offset);
    const type = entry.readUInt16LE(offset + 2);
    if (length < VALUE_HEADER) break;
    const value = entry.subarray(offset + VALUE_HEADER, offset + length);
    if (type === PREFIX) rule = ruleOf(value);
    else if (type === HARDWARE_ADDRESS) mac = macOf(value);
    else if (type === PAYLOAD) ip = readIpHeader(value);
    offset += (length + 3) & ~3;
  }
  return rule && { rule, mac, ip };
}

function ruleOf(value: Buffer): NetworkRule | undefined {
  const end = value.indexOf(0);
  const text = value.toString("latin1", 0, end === -1 ? value.length : end).trim();
  if (!text.startsWith(LOG_PREFIX)) return undefined;
  const rule = text.slice(LOG_PREFIX.length);
  return isNetworkRule(rule) ? rule : undefined;
}

/** Length (two bytes), padding (two), address. Only Ethernet's have a form that others know. */
function macOf(value: Buffer): string | undefined {
  if (value.length < 10 || value.readUInt16BE(0) !== 6) return undefined;
  return Array.from(value.subarray(4, 10), (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
