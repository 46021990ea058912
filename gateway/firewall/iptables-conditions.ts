import type { Condition, End, Ports, Protocol, Rate } from "./rule-model.ts";

/** What the words of a rule depend on beside the rule. */
export interface Setting {
  readonly version: 4 | 6;
  /** Begins the names of all that is the slot's. */
  readonly table: string;
}

/** Those that no single rule can say. */
export type NeedsChain = Extract<Condition, { kind: "out-elsewhere" | "fenced" }>;

/** One of several ways in which a rule's conditions are said; they apply when any of them does. */
export interface Said {
  readonly protocol?: Protocol;
  /** Of packets, before their protocol is known. */
  readonly basics: readonly string[];
  readonly matches: readonly string[];
}

/** Where conditions are met always, or never, by packets of that version of IP. */
const ALWAYS: readonly Said[] = [{ basics: [], matches: [] }];
const NEVER: readonly Said[] = [];

/** What iptables rules say for all the conditions together: one rule for each way, none where they can never be met. */
export function saidOf(
  conditions: readonly Exclude<Condition, NeedsChain>[],
  setting: Setting,
): readonly Said[] {
  return conditions.reduce<readonly Said[]>(
    (all, condition) => all.flatMap((one) => said(condition, setting).flatMap((other) => both(one, other))),
    ALWAYS,
  );
}

function both(one: Said, other: Said): Said[] {
  if (one.protocol !== undefined && other.protocol !== undefined && one.protocol !== other.protocol)
    return [];
  const protocol = one.protocol ?? other.protocol;
  return [
    {
      basics: [...one.basics, ...other.basics],
      matches: [...one.matches, ...other.matches],
      ...(protocol === undefined ? {} : { protocol }),
    },
  ];
}

function said(condition: Exclude<Condition, NeedsChain>, { version, table }: Setting): readonly Said[] {
  const ifIpv4 = (...all: Said[]) => (version === 4 ? all : NEVER);
  switch (condition.kind) {
    case "in":
      return [basic(`-i ${condition.link}`)];
    case "out":
      return [basic(`-o ${condition.link}`)];
    case "not-ipv4":
      return version === 4 ? NEVER : ALWAYS;
    case "protocol":
      return protocols(condition.protocols, condition.is, version);
    case "address":
      return version === 4
        ? [address(condition.end, condition.range, condition.is)]
        : condition.is
          ? NEVER
          : ALWAYS;
    case "to-any":
      return ifIpv4(...condition.ranges.map((range) => address("destination", range, true)));
    case "to-host":
      return ifIpv4(match("-m addrtype --dst-type LOCAL"));
    case "not-unicast":
      return ifIpv4(match("-m addrtype ! --dst-type UNICAST"));
    case "port":
      return [
        of(
          condition.protocol,
          `-m ${condition.protocol} ${condition.end === "source" ? "--sport" : "--dport"} ${condition.port}`,
        ),
      ];
    case "ports":
      return chunks(condition.ports).map((ports) =>
        of(condition.protocol, `-m multiport --dports ${ports.join(",")}`),
      );
    case "question":
      return (["tcp", "udp"] as const).map((protocol) => of(protocol, `-m ${protocol} --dport 53`));
    case "flags": {
      const flags = `${condition.among.join(",")} ${condition.are}`.toUpperCase();
      return [of("tcp", `-m tcp ${not(condition)}--tcp-flags ${flags}`)];
    }
    case "state":
      return [match(`-m conntrack ${not(condition)}--ctstate ${condition.states.join(",").toUpperCase()}`)];
    case "reply":
      return [match("-m conntrack --ctdir REPLY")];
    case "mark": {
      const mask = condition.mask === undefined ? "" : `/${condition.mask}`;
      return [match(`-m connmark --mark ${condition.mark}${mask}`)];
    }
    case "sandbox-in":
      if (version === 6) return condition.is ? NEVER : ALWAYS;
      return [
        match(
          `-m set ${condition.is ? "" : "! "}--match-set ${table}-${condition.set} ${side(condition.end)}`,
        ),
      ];
    case "ip-options":
      // The header's length in words of four bytes, 5 without options.
      return ifIpv4(match('-m u32 --u32 "0>>24&0xF=6:15"'));
    case "not-echo-request":
      return ifIpv4(of("icmp", "-m icmp ! --icmp-type 8"));
    case "users":
      return [
        match(
          `-m owner --uid-owner ${condition.first === condition.last ? "" : `${condition.first}-`}${condition.last}`,
        ),
      ];
    case "over-rate": {
      const { name, rate, burst } = condition;
      return [match(hashLimit({ how: "above", table, name, rate, burst, end: "source" }))];
    }
    case "within-rate":
      return [match(`-m limit --limit ${rateText(condition.rate)} --limit-burst ${condition.burst}`)];
    case "over-connections":
      return [
        match(`-m connlimit --connlimit-above ${condition.most} --connlimit-mask 32 --connlimit-saddr`),
      ];
    case "over-cap":
      // The kernel counts the packet first, then compares (ip_set_match_extensions).
      return ifIpv4(
        match(
          `-m set --match-set ${table}-${condition.direction} ${side(condition.direction === "up" ? "source" : "destination")} --bytes-gt ${condition.most}`,
        ),
      );
    default:
      return condition satisfies never;
  }
}

export interface HashLimit {
  readonly how: "above" | "upto";
  readonly table: string;
  readonly name: string;
  readonly rate: Rate;
  readonly burst: number;
  readonly end: End;
}

/**
 * The kernel keeps one table of counts for a name, and never heeds another rate that is given with it: the rate is part of the name.
 * Full, it drops what comes (xt_hashlimit: hotdrop); only verified addresses get in.
 */
export function hashLimit({ how, table, name, rate, burst, end }: HashLimit): string {
  return [
    `-m hashlimit --hashlimit-${how} ${rateText(rate)} --hashlimit-burst ${burst}`,
    `--hashlimit-mode ${end === "source" ? "srcip" : "dstip"}`,
    `--hashlimit-name ${table}-${name}-${rate.count}-${rate.per}-${burst}`,
    "--hashlimit-htable-size 1024 --hashlimit-htable-max 65536",
  ].join(" ");
}

export function rateText({ count, per }: Rate): string {
  return `${count}/${per}`;
}

export function side(end: End): "src" | "dst" {
  return end === "source" ? "src" : "dst";
}

function address(end: End, range: string, is: boolean): Said {
  // A rule takes each of -s and -d once; where a host is left out of a range that is asked for, too, this says it.
  if (!is && !range.includes("/")) return match(`-m iprange ! --${side(end)}-range ${range}-${range}`);
  return basic(`${is ? "" : "! "}${end === "source" ? "-s" : "-d"} ${range}`);
}

const NUMBERS: Readonly<Record<Protocol, number>> = { icmp: 1, tcp: 6, udp: 17 };

function protocols(all: readonly Protocol[], is: boolean, version: Setting["version"]): readonly Said[] {
  if (is) return all.map((protocol) => of(protocol));
  const [only] = all;
  if (only !== undefined && all.length === 1) return [basic(`! -p ${only}`)];
  // The protocol's number is the byte at 9 of an IPv4 header: every number but these.
  if (version === 6) return NEVER;
  const left: string[] = [];
  let next = 0;
  for (const number of [...all.map((protocol) => NUMBERS[protocol]), 256].sort((a, b) => a - b)) {
    if (number > next) left.push(`${next}:${number - 1}`);
    next = number + 1;
  }
  return [match(`-m u32 --u32 "6&0xFF=${left.join(",")}"`)];
}

/** A rule takes 15 ports, of which a range is two (iptables-extensions(8), multiport). */
function chunks(ports: Ports): string[][] {
  const chunked: string[][] = [];
  let room = 0;
  for (const [first, last] of ports) {
    const takes = first === last ? 1 : 2;
    if (room < takes) {
      chunked.push([]);
      room = 15;
    }
    room -= takes;
    chunked.at(-1)?.push(first === last ? String(first) : `${first}:${last}`);
  }
  return chunked;
}

function not({ is }: { readonly is: boolean }): string {
  return is ? "" : "! ";
}

function basic(text: string): Said {
  return { basics: [text], matches: [] };
}

function match(text: string): Said {
  return { basics: [], matches: [text] };
}

function of(protocol: Protocol, text?: string): Said {
  return { protocol, basics: [], matches: text === undefined ? [] : [text] };
}
