/** What sandboxes try on their network, for tests that need some of each kind. */
import { toByteString } from "../../gateway/model/bytes.ts";
import type { NetworkFact } from "../../gateway/model/network-facts.ts";

export const BOT: NetworkFact = {
  kind: "network",
  rule: "bot",
  protocol: "tcp",
  from: 40_000,
  to: { address: "203.0.113.5", port: 25 },
  count: 14,
};

/** Its first bytes would clear the screen, and are no UTF-8. */
export const SUNK: NetworkFact = {
  kind: "network",
  rule: "sinkhole",
  protocol: "tcp",
  from: 40_001,
  to: { address: "203.0.113.9", port: 80 },
  count: 1,
  name: bytes("c2.example"),
  data: bytes("GET /\x1b[2J HTTP/1.1\r\nHost: c2\xff\r\n"),
  size: 5000,
};

export const LOOKED_UP: NetworkFact = {
  kind: "network",
  rule: "dns",
  protocol: "udp",
  from: 40_002,
  to: { address: "198.51.100.53", port: 53 },
  count: 1,
  name: bytes("updates.example"),
};

export const NETWORK_FACTS: readonly NetworkFact[] = [
  BOT,
  SUNK,
  LOOKED_UP,
  { ...BOT, rule: "cap", to: { address: "203.0.113.9", port: 80 }, count: 1 },
  {
    kind: "network",
    rule: "fence",
    protocol: "other",
    number: 47,
    from: 0,
    to: { address: "169.254.169.254", port: 0 },
    count: 1,
  },
];

/** What somebody who can write into a recording, or a later version, might put in the place of one. */
export const HOSTILE_FACTS: readonly unknown[] = [
  { kind: "network" },
  { ...BOT, rule: "toString" },
  { ...BOT, rule: "of a later version" },
  { ...BOT, rule: 7 },
  { ...BOT, protocol: "sctp" },
  { ...BOT, from: -1 },
  { ...BOT, from: 65_536 },
  { ...BOT, to: null },
  { ...BOT, to: "203.0.113.5" },
  { ...BOT, to: { address: "\x1b[2J", port: 25 } },
  { ...BOT, to: { address: "203.0.113.5", port: "25" } },
  { ...BOT, count: 0 },
  { ...BOT, count: 1.5 },
  { ...BOT, count: 1e300 },
  { ...BOT, number: 256 },
  { ...BOT, name: 5 },
  { ...BOT, name: "\u{1f600}" },
  { ...BOT, name: "n".repeat(1025) },
  { ...BOT, data: "d".repeat(1025) },
  { ...BOT, data: ["a"] },
  { ...BOT, size: -1 },
];

function bytes(text: string) {
  return toByteString(Buffer.from(text, "latin1"));
}
