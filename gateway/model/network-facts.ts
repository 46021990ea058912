import type { ByteString } from "./bytes.ts";
import type { Endpoint } from "./endpoint.ts";

/**
 * What a sandbox tried on its network: as netfilter logged it (the rule is in the log's prefix), or as the outpost saw it.
 * Everything else (events, stories, tables) is made from these.
 */
export interface NetworkFact {
  readonly kind: "network";
  readonly rule: NetworkRule;
  readonly protocol: "tcp" | "udp" | "icmp" | "other";
  /** Number of the IP protocol, for `other`. */
  readonly number?: number;
  /** The sandbox's port; 0 where the protocol has none. */
  readonly from: number;
  /** Where it wanted to go; port 0 where the protocol has none. */
  readonly to: Endpoint;
  /** How many like this one it stands for; floods are counted, not told one by one. */
  readonly count: number;
  /** The name asked for (DNS), or spoken of (TLS server name, HTTP host). */
  readonly name?: ByteString;
  /** The first bytes that a sinkhole was sent; at most MOST_FIRST_BYTES. */
  readonly data?: ByteString;
  /** Bytes that the sinkhole was sent in all. */
  readonly size?: number;
}

export const MOST_FIRST_BYTES = 1024;

/** What decided about a packet, and whether it was stopped. A word never changes its meaning: recordings hold it. */
export const NETWORK_RULES = {
  egress: { outcome: "denied", meaning: "The policy lets nothing there out." },
  fence: {
    outcome: "denied",
    meaning: "A fenced address: private, link-local, metadata, multicast, reserved.",
  },
  host: { outcome: "denied", meaning: "An address of the machine itself." },
  neighbour: { outcome: "denied", meaning: "Another sandbox." },
  spoofed: { outcome: "denied", meaning: "A source address that is not the sandbox's own." },
  ipv6: { outcome: "denied", meaning: "IPv6, which sandboxes do not have." },
  malformed: { outcome: "denied", meaning: "IP options, fragments, or no packet of any connection." },
  bot: { outcome: "denied", meaning: "A port of bots (mail, IRC, SSH, telnet), never let out." },
  flood: { outcome: "denied", meaning: "More packets or connections than any person makes." },
  rate: { outcome: "denied", meaning: "More new connections than network.rates allows." },
  connections: { outcome: "denied", meaning: "More connections at once than network.connections allows." },
  "dns-rate": { outcome: "denied", meaning: "More questions than network.dns.rate allows." },
  "dns-size": {
    outcome: "denied",
    meaning: "A name or answer over network.dns, or a type that is not answered.",
  },
  cap: { outcome: "capped", meaning: "The byte cap of this direction is used up." },
  limited: { outcome: "allowed", meaning: "Let out by `limited`." },
  dns: { outcome: "allowed", meaning: "A name was looked up." },
  sinkhole: { outcome: "sinkholed", meaning: "Answered by the local listener." },
} as const satisfies Record<string, { outcome: NetworkOutcome; meaning: string }>;

export type NetworkRule = keyof typeof NETWORK_RULES;
export type NetworkOutcome = "denied" | "capped" | "allowed" | "sinkholed";

export function isNetworkRule(text: string): text is NetworkRule {
  return Object.hasOwn(NETWORK_RULES, text);
}

/** What stands before the rule in the prefix of a netfilter log, as in `mbk:fence`. */
export const LOG_PREFIX = "mbk:";

/** netfilter's log group of a slot; far from those that people number by hand. */
export function logGroupOf(slot: number): number {
  return 19_712 + slot;
}
