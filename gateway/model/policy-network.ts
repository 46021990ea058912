/** The section `network` of a policy: what may leave a sandbox, and how much of it. */
import { z } from "zod";
import { bitrate, cidr4, ipv4, portList, rate, sizeBetween, subnet } from "./policy-units.ts";

const portRule = z.strictObject({
  protocol: z
    .enum(["tcp", "udp", "icmp", "other"])
    .default("tcp")
    .describe("Protocol that it is about; `other` is every one but TCP, UDP and ICMP."),
  ports: portList.optional().describe("Destination ports, for TCP and UDP; all if absent."),
  egress: z
    .enum(["deny", "limited", "sinkhole"])
    .describe("What becomes of a new connection there. Has to be given."),
});

export const caps = z.strictObject({
  up: sizeBetween("1k", "1024 TiB").prefault("5 MiB").describe("Bytes that a sandbox may send."),
  down: sizeBetween("1k", "1024 TiB").prefault("20 MiB").describe("Bytes that a sandbox may receive."),
  per: z
    .enum(["life", "hour"])
    .default("life")
    .describe("Whether they are for the sandbox's whole life, or given anew each hour."),
});

export const bandwidth = z.strictObject({
  up: bitrate.optional().describe("Bits a second that a sandbox may send; not shaped if absent."),
  down: bitrate.optional().describe("Bits a second that a sandbox may receive; not shaped if absent."),
  ssh: bitrate
    .optional()
    .describe("Bits a second each way of the gateway's own SSH to a sandbox; not shaped if absent."),
});

export const rates = z.strictObject({
  tcp: rate.prefault("20/hour").describe("New TCP connections of a sandbox."),
  udp: rate.prefault("20/hour").describe("New UDP flows of a sandbox, names not counted."),
  icmp: rate.prefault("50/hour").describe("ICMP echo requests of a sandbox."),
  other: rate.prefault("10/hour").describe("Flows of a sandbox in any other protocol."),
});

export const dns = z.strictObject({
  resolvers: z
    .array(ipv4)
    .min(1)
    .max(3)
    .optional()
    .describe("Where names are looked up; the machine's own resolvers if absent."),
  rate: rate.prefault("60/minute").describe("Questions of a sandbox."),
  largestName: z.int().min(16).max(255).default(100).describe("A longer name is refused. In bytes."),
  largestAnswer: z.int().min(64).max(4096).default(512).describe("An answer over this is cut. In bytes."),
});

export const network = z.strictObject({
  engine: z
    .enum(["auto", "nft", "iptables"])
    .default("auto")
    .describe(
      "What drives netfilter: `nft`, or `iptables` with `ip6tables` and `ipset`. `auto`: nft where the kernel takes the rules, else iptables; where neither does, nothing starts. A change takes a restart.",
    ),
  egress: z
    .enum(["deny", "dns", "limited", "sinkhole"])
    .default("deny")
    .describe(
      "What may leave a sandbox where no entry of `network.ports` applies. `deny`: nothing. `dns`: names are resolved, by a resolver of ours. `limited`: names, and connections within `network.rates`, `network.connections` and `network.caps`, never to fenced addresses nor to ports of bots. `sinkhole`: nothing leaves; a local listener answers and records.",
    ),
  ports: z
    .array(portRule)
    .max(64)
    .prefault([])
    .describe("The first entry that applies to a new connection decides, before `network.egress`."),
  subnet: subnet.optional().describe("IPv4 range of the sandboxes' bridge; one that is free if absent."),
  caps: caps.prefault({}).describe("Byte caps of each sandbox, over all that is not the gateway's own SSH."),
  bandwidth: bandwidth.prefault({}).describe("Bandwidth of each sandbox."),
  rates: rates
    .prefault({})
    .describe("How much of `limited` a sandbox may begin. The defaults are Honeywall's."),
  connections: z
    .int()
    .min(1)
    .max(65_536)
    .default(10)
    .describe("Connections of a sandbox to the outside at once, with `limited`."),
  dns: dns.prefault({}).describe("Names, in every mode but `deny`."),
  fences: z
    .array(cidr4)
    .max(256)
    .default([])
    .describe(
      "Further ranges that no sandbox reaches, whatever is let out: where you work from, what else you run. Private, link-local and metadata ranges and the machine's own networks are fenced without being named.",
    ),
  openFences: z
    .array(cidr4)
    .max(64)
    .default([])
    .describe(
      "Fenced ranges (private, link-local, metadata, the machine's own networks) that `limited` may reach all the same. Said loudly in the log at every start. The machine's own addresses and other sandboxes stay fenced.",
    ),
});
