import { BOT_PORTS } from "../model/bot-ports.ts";
import { ofClass, setOf } from "./class-names.ts";
import type { Decision, Egress, EgressClass } from "./egress.ts";
import { anyMarkOf, MARK_MASK, markOf, type Way } from "./marks.ts";
import type { FencePlan } from "./plan.ts";
import { refusal, refusalChains } from "./refusals.ts";
import {
  always,
  connectionsOver,
  from,
  fromPort,
  hasIpOptions,
  isNoEcho,
  isNoOpening,
  isNotIpv4,
  isOver,
  isReply,
  marked,
  notFrom,
  notTo,
  opensNot,
  sandboxIn,
  sandboxNotIn,
  speaks,
  speaksNoneOf,
  state,
  stateIsNot,
  to,
  toHost,
  toNoSingleHost,
  toPort,
  toPorts,
  when,
  type Chains,
  type Condition,
  type Rule,
} from "./rule-model.ts";

/**
 * What becomes of a sandbox's packet, in the order in which it is asked: is it the sandbox's own, is it SSH's, of which class is the
 * sandbox, does the packet belong to what was let through before, may it go there, may it go now. Whatever nobody lets through is
 * refused by name.
 */
export function judgeChains(plan: FencePlan, egress: Egress): Chains {
  const { slot, subnet, gateway, sshPort } = plan;
  return {
    ...refusalChains(),
    from_sandbox: [
      when(isNotIpv4).goto(refusal("ipv6")),
      when(notFrom(subnet.cidr)).goto(refusal("spoofed")),
      when(from(gateway)).goto(refusal("spoofed")),
      when(fromPort(sshPort), opensNot, state("established"), isReply).accept(),
      // Nothing else ever leaves from SSH's port: shaping and counting know SSH by it.
      when(fromPort(sshPort)).goto(refusal("malformed")),
      ...(egress.isOpen ? [when(sandboxNotIn("live", "source")).drop("not ready")] : []),
      ...egress.classes.map((each) => when(sandboxIn(setOf(each), "source")).goto(ofClass("from", each))),
      always.goto("shut"),
    ],
    // Whose class these rules do not know.
    shut: [
      when(to(subnet.cidr), notTo(gateway)).goto(refusal("neighbour")),
      when(toHost).goto(refusal("host")),
      always.goto(refusal("egress")),
    ],
    to_sinkhole: [
      // Of ICMP a sinkhole answers echoes, of other protocols nothing.
      when(speaks("icmp"), isNoEcho).goto(refusal("egress")),
      when(speaksNoneOf("tcp", "udp", "icmp")).goto(refusal("egress")),
      always.tell("sinkhole"),
      always.letThrough(markOf(slot, "sinkhole")),
    ],
    ...(Object.assign({}, ...egress.classes.map((each) => classChains(plan, each, egress.isOpen))) as Chains),
  };
}

/** The ways that sandboxes of a class can be let through. */
export function waysOf({ names, decisions }: EgressClass): Way[] {
  const has = (wanted: Decision["mode"]) => decisions.some(({ mode }) => mode === wanted);
  return [
    ...(names === "none" ? [] : [NAMES[names]]),
    ...(has("sinkhole") ? (["sinkhole"] as const) : []),
    ...(has("limited") ? (["out"] as const) : []),
  ];
}

const NAMES = { resolve: "name", invent: "invented" } as const;

function classChains(plan: FencePlan, own: EgressClass, isAnyOpen: boolean): Chains {
  const { slot, subnet, gateway } = plan;
  const { rates, names, decisions } = own;
  const ways = waysOf(own);
  const chains = { deny: refusal("egress"), limited: ofClass("world", own), sinkhole: "to_sinkhole" };
  const belongs = state("established", "related");
  return {
    [ofClass("from", own)]: [
      ...(isAnyOpen
        ? [
            when(state("invalid")).goto(refusal("malformed")),
            when(hasIpOptions).goto(refusal("malformed")),
            ...(ways.length === 0 ? [] : [when(sandboxIn("spent", "source")).tell("cap")]),
            ...ways.map((way) => when(belongs, marked(markOf(slot, way))).letFollow()),
            // Let through while another policy was in force.
            when(belongs, marked(anyMarkOf(slot), MARK_MASK)).goto(refusal("egress")),
            when(stateIsNot("new")).goto(refusal("malformed")),
          ]
        : []),
      ...(names === "none"
        ? []
        : (["tcp", "udp"] as const).map((each) => when(toPort(each, 53)).goto(ofClass("names", own)))),
      when(to(subnet.cidr), notTo(gateway)).goto(refusal("neighbour")),
      when(toHost).goto(refusal("host")),
      when(toNoSingleHost).goto(refusal("fence")),
      when(fenced(own)).goto(refusal("fence")),
      when(speaks("tcp"), isNoOpening).goto(refusal("malformed")),
      when(speaks("tcp"), isOver("syns", { count: 30, per: "second" }, 60)).goto(refusal("flood")),
      when(speaksNoneOf("tcp"), isOver("packets", { count: 100, per: "second" }, 200)).goto(refusal("flood")),
      when(toPorts("tcp", BOT_PORTS)).goto(ofClass("bots", own)),
      ...decisions.map((decision) => verdict(decision, chains)),
    ],
    [ofClass("bots", own)]: [
      ...decisions
        .filter(({ protocol }) => protocol === "tcp" || protocol === "any")
        .map((decision) => verdict(decision, { ...chains, deny: refusal("bot"), limited: refusal("bot") })),
      always.goto(refusal("bot")),
    ],
    [ofClass("names", own)]:
      names === "none"
        ? [always.drop()]
        : [
            when(isOver(ofClass("names", own), own.dnsRate)).goto(refusal("dns-rate")),
            always.tell("dns"),
            always.letThrough(markOf(slot, NAMES[names])),
          ],
    [ofClass("world", own)]: ways.includes("out")
      ? [
          when(speaks("tcp"), isOver(ofClass("tcp_new", own), rates.tcp)).goto(refusal("rate")),
          when(speaks("udp"), isOver(ofClass("udp_new", own), rates.udp)).goto(refusal("rate")),
          when(speaks("icmp"), isNoEcho).goto(refusal("egress")),
          when(speaks("icmp"), isOver(ofClass("icmp_new", own), rates.icmp)).goto(refusal("rate")),
          when(speaksNoneOf("tcp", "udp", "icmp"), isOver(ofClass("other_new", own), rates.other)).goto(
            refusal("rate"),
          ),
          when(connectionsOver(ofClass("open_now", own), own.connections)).goto(refusal("connections")),
          always.tell("limited"),
          always.letThrough(markOf(slot, "out")),
        ]
      : [always.drop()],
  };
}

/** To an address that is fenced and not opened. */
export function fenced({ fences, openings }: Pick<EgressClass, "fences" | "openings">): Condition {
  return { kind: "fenced", fences, openings };
}

function verdict(
  { protocol, ports, mode }: Decision,
  chains: Readonly<Record<Decision["mode"], string>>,
): Rule {
  const conditions = (): Condition[] => {
    switch (protocol) {
      case "tcp":
      case "udp":
        return [ports === undefined ? speaks(protocol) : toPorts(protocol, ports)];
      case "icmp":
        return [speaks("icmp")];
      case "other":
        return [speaksNoneOf("tcp", "udp", "icmp")];
      case "any":
        return [];
      default:
        return protocol satisfies never;
    }
  };
  return when(...conditions()).goto(chains[mode]);
}
