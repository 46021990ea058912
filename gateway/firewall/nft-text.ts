import { LOG_PREFIX, logGroupOf } from "../model/network-facts.ts";
import { ofClass, setOf } from "./class-names.ts";
import type { Egress, EgressClass } from "./egress.ts";
import { waysOf } from "./judge-rules.ts";
import { LOGGED_BYTES, PATH_LIFE, TOLD, TOLD_OF_LIARS } from "./rule-figures.ts";
import type { FencePlan } from "./plan.ts";
import { rulesOf, type Hook } from "./rules.ts";
import type { Action, Condition, End, Ports, Rate, Rule } from "./rule-model.ts";

/**
 * The slot's whole rule set as one nftables transaction. It replaces every rule of the slot and keeps what lives: the
 * sandboxes' quotas, who is let out, who has used up a cap, what was counted for the rates.
 */
export function nftText(plan: FencePlan, egress: Egress): string {
  const chains = Object.entries(rulesOf(plan, egress));
  const { table, slot } = plan;
  return `table inet ${table} {
${setsText(setsFor(plan, egress))}
${Object.entries(HOOKED)
  .map(([name, hook]) => `	chain ${name} {\n		type ${hook}; policy accept;\n	}`)
  .join("\n")}
}
${chains.map(([name]) => `add chain inet ${table} ${name}\nflush chain inet ${table} ${name}`).join("\n")}
table inet ${table} {
${chains
  .map(([name, rules]) => `	chain ${name} {\n${rules.map((rule) => `		${ruleText(rule, slot)}\n`).join("")}	}`)
  .join("\n")}
}
table bridge ${table}
delete table bridge ${table}
${bridgeTable(plan)}
`;
}

const HOOKED: Readonly<Record<Hook, string>> = {
  prerouting: "filter hook prerouting priority -150",
  input: "filter hook input priority -10",
  forward: "filter hook forward priority -10",
  output: "filter hook output priority -10",
  to_outpost_nat: "nat hook prerouting priority -105",
  postrouting: "nat hook postrouting priority 90",
};

/**
 * Named sets and maps, whose elements come and go while the rules stand. All keyed by a sandbox's address but the first. A set with a
 * size takes its room at once (2 MB for 65,535), so the classes' own have none, and rates only the room that the subnet can need.
 */
export function setsFor(
  { subnet }: Pick<FencePlan, "subnet">,
  { classes }: Pick<Egress, "classes">,
): Readonly<Record<string, string>> {
  // A set that is full would limit nobody. Twice: one that has timed out may stand beside its successor for a while.
  const size = Math.min(65_535, 2 * 2 ** (32 - subnet.prefix));
  return {
    ...SETS,
    ...Object.fromEntries(classes.map((each) => [setOf(each), CLASS_SET])),
    ...Object.fromEntries(
      classes.flatMap((each) =>
        ratesOf(each).map((name) => [
          ofClass(name, each),
          `set|type ipv4_addr; size ${size}; flags ${name === "open_now" ? "dynamic" : "dynamic,timeout; timeout 1d"}`,
        ]),
      ),
    ),
  };
}

export const CLASS_SET = "set|type ipv4_addr";

const SETS: Readonly<Record<string, string>> = {
  // Local port of a path to a sandbox -> the attacker that is shown in its place.
  source_of: `map|type inet_service : ipv4_addr . inet_service; size 65535; flags timeout; timeout ${PATH_LIFE}s`,
  // Sandboxes whose network is ready.
  live: "set|type ipv4_addr; size 65535",
  up: "map|type ipv4_addr : quota; size 65535",
  down: "map|type ipv4_addr : quota; size 65535",
  // Those that have used up a cap.
  spent: "set|type ipv4_addr; size 65535; flags dynamic",
  // How often each may be told of in the log, and what it has begun. Never full: only verified addresses get in.
  ...Object.fromEntries(
    ["told", "syns", "packets"].map((name) => [
      name,
      "set|type ipv4_addr; size 65535; flags dynamic,timeout; timeout 1d",
    ]),
  ),
};

/** What is counted for each class by itself, where its rules ask for it: begun anew when a policy changes. */
export const RATES = ["names", "tcp_new", "udp_new", "icmp_new", "other_new", "open_now"] as const;

function ratesOf(each: EgressClass): (typeof RATES)[number][] {
  const isOut = waysOf(each).includes("out");
  return RATES.filter((rate) => (rate === "names" ? each.names !== "none" : isOut));
}

export function setsText(sets: Readonly<Record<string, string>>): string {
  return Object.entries(sets)
    .map(([name, spec]) => {
      const [kind = "", body = ""] = spec.split("|");
      return `	${kind} ${name} {\n${body
        .split("; ")
        .map((line) => `		${line}\n`)
        .join("")}	}`;
    })
    .join("\n");
}

function ruleText({ when, then, note }: Rule, slot: number): string {
  const words = [...when.map(conditionText), actionText(then, slot)];
  return [...words, ...(note === undefined ? [] : [`comment "${note}"`])].join(" ");
}

function conditionText(condition: Condition): string {
  switch (condition.kind) {
    case "in":
      return `iifname "${condition.link}"`;
    case "out":
      return `oifname "${condition.link}"`;
    case "out-elsewhere":
      return `oifname != ${set(condition.links.map((link) => `"${link}"`))}`;
    case "not-ipv4":
      return "meta nfproto != ipv4";
    case "protocol": {
      const [only = "", ...others] = condition.protocols;
      return `meta l4proto ${not(condition)}${others.length === 0 ? only : set(condition.protocols)}`;
    }
    case "address":
      return `${address(condition.end)} ${not(condition)}${condition.range}`;
    case "to-any":
      return `ip daddr ${set(condition.ranges)}`;
    case "fenced": {
      const { fences, openings } = condition;
      return `ip daddr ${set(fences)}${openings.length === 0 ? "" : ` ip daddr != ${set(openings)}`}`;
    }
    case "to-host":
      return "fib daddr type local";
    case "not-unicast":
      return "fib daddr type != unicast";
    case "port":
      return `${condition.protocol} ${condition.end === "source" ? "sport" : "dport"} ${condition.port}`;
    case "ports":
      return `${condition.protocol} dport ${portSet(condition.ports)}`;
    case "question":
      return "meta l4proto { tcp, udp } th dport 53";
    case "flags": {
      const among = condition.among.length === 1 ? condition.among[0] : `(${condition.among.join(" | ")})`;
      return `tcp flags & ${among ?? ""} ${condition.is ? "==" : "!="} ${condition.are}`;
    }
    case "state":
      return `ct state ${not(condition)}${condition.states.join(",")}`;
    case "reply":
      return "ct direction reply";
    case "mark":
      return condition.mask === undefined
        ? `ct mark ${condition.mark}`
        : `ct mark & ${condition.mask} == ${condition.mark}`;
    case "sandbox-in":
      return `${address(condition.end)} ${not(condition)}@${condition.set}`;
    case "ip-options":
      return "ip hdrlength > 5";
    case "not-echo-request":
      return "icmp type != echo-request";
    case "users":
      return `meta skuid ${condition.first === condition.last ? "" : `${condition.first}-`}${condition.last}`;
    case "over-rate":
      return `update @${condition.name} { ip saddr limit rate over ${rateText(condition.rate, condition.burst)} }`;
    case "within-rate":
      return `limit rate ${rateText(condition.rate, condition.burst)}`;
    case "over-connections":
      return `add @${condition.name} { ip saddr ct count over ${condition.most} }`;
    case "over-cap":
      return `quota name ${address(condition.direction === "up" ? "source" : "destination")} map @${condition.direction}`;
    default:
      return condition satisfies never;
  }
}

function actionText(action: Action, slot: number): string {
  switch (action.kind) {
    case "goto":
      return `goto ${action.chain}`;
    case "accept":
      return "accept";
    case "drop":
      return "counter drop";
    case "refuse":
      return `counter reject with ${action.by === "reset" ? "tcp reset" : "icmpx admin-prohibited"}`;
    case "let-through":
      return `ct mark set ${action.mark} meta mark set ${action.mark} accept`;
    case "let-follow":
      return "meta mark set ct mark accept";
    case "tell": {
      const allowance =
        action.of === "liars"
          ? `limit rate ${rateText(TOLD_OF_LIARS.rate, TOLD_OF_LIARS.burst)}`
          : `update @told { ${address(action.of)} limit rate ${rateText(TOLD.rate, TOLD.burst)} }`;
      return `${allowance} log prefix "${LOG_PREFIX}${action.rule}" group ${logGroupOf(slot)} snaplen ${LOGGED_BYTES} queue-threshold 1`;
    }
    case "spend":
      return `add @spent { ${address(action.end)} }`;
    case "lead-to":
      return `dnat ip to ${action.address}${action.port === undefined ? "" : `:${action.port}`}`;
    case "show-attacker":
      return "snat ip to tcp sport map @source_of";
    case "masquerade":
      return "masquerade";
    default:
      return action satisfies never;
  }
}

function address(end: End): string {
  return end === "source" ? "ip saddr" : "ip daddr";
}

function not({ is }: { readonly is: boolean }): string {
  return is ? "" : "!= ";
}

function portSet(ports: Ports): string {
  return set(ports.map(([first, last]) => (first === last ? first : `${first}-${last}`)));
}

function set(elements: readonly (string | number)[]): string {
  return `{ ${elements.join(", ")} }`;
}

/** netfilter's bucket holds as many as its burst: that many at once, then one after the other. */
function rateText({ count, per }: Rate, burst: number): string {
  return `${count}/${per} burst ${burst} packets`;
}

/**
 * Frames from one port of the bridge to another. Which bridge a frame is on cannot be asked on every kernel, but
 * whose addresses it carries can.
 */
function bridgeTable({ table, subnet, gateway }: FencePlan): string {
  return `table bridge ${table} {
	chain prerouting {
		type filter hook prerouting priority -310; policy accept;
		arp saddr ip ${gateway} counter drop comment "ARP that claims to be the host"
	}

	chain forward {
		type filter hook forward priority -210; policy accept;
		ip saddr ${subnet.cidr} counter drop comment "sandbox to sandbox"
		ip daddr ${subnet.cidr} counter drop comment "sandbox to sandbox"
		arp saddr ip ${subnet.cidr} counter drop comment "ARP between sandboxes"
		arp daddr ip ${subnet.cidr} counter drop comment "ARP between sandboxes"
	}
}`;
}
