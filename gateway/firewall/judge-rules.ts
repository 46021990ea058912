import { BOT_PORTS } from "../model/bot-ports.ts";
import type { Decision, Egress } from "./egress.ts";
import { anyMarkOf, MARK_MASK, markOf } from "./marks.ts";
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
 * What becomes of a sandbox's packet, in the order in which it is asked: is it the sandbox's own, is it SSH's, does it belong
 * to what was let through before, may it go there, may it go now. Whatever nobody lets through is refused by name.
 */
export function judgeChains(plan: FencePlan, egress: Egress): Chains {
  const { slot, subnet, gateway, sshPort } = plan;
  const ours = marked(anyMarkOf(slot), MARK_MASK);
  const { rates } = egress;
  return {
    ...refusalChains(),
    from_sandbox: [
      when(isNotIpv4).goto(refusal("ipv6")),
      when(notFrom(subnet.cidr)).goto(refusal("spoofed")),
      when(from(gateway)).goto(refusal("spoofed")),
      when(fromPort(sshPort), opensNot, state("established"), isReply).accept(),
      // Nothing else ever leaves from SSH's port: shaping and counting know SSH by it.
      when(fromPort(sshPort)).goto(refusal("malformed")),
      ...(egress.isOpen
        ? [
            when(sandboxNotIn("live", "source")).drop("not ready"),
            // Before what follows a connection that was let through: shut is shut at once.
            when(sandboxIn("shut", "source")).goto("shut"),
            when(state("invalid")).goto(refusal("malformed")),
            when(hasIpOptions).goto(refusal("malformed")),
            when(sandboxIn("spent", "source")).tell("cap"),
            when(state("established", "related"), ours).letFollow(),
            when(stateIsNot("new")).goto(refusal("malformed")),
          ]
        : []),
      always.goto("judge"),
    ],
    ...(egress.isOpen
      ? {
          shut: [
            when(to(subnet.cidr), notTo(gateway)).goto(refusal("neighbour")),
            when(toHost).goto(refusal("host")),
            always.goto(refusal("egress")),
          ],
        }
      : {}),
    judge: [
      ...(egress.names === "none"
        ? []
        : [when(toPort("tcp", 53)).goto("to_names"), when(toPort("udp", 53)).goto("to_names")]),
      when(to(subnet.cidr), notTo(gateway)).goto(refusal("neighbour")),
      when(toHost).goto(refusal("host")),
      when(toNoSingleHost).goto(refusal("fence")),
      when(fenced(egress)).goto(refusal("fence")),
      when(speaks("tcp"), isNoOpening).goto(refusal("malformed")),
      when(speaks("tcp"), isOver("syns", { count: 30, per: "second" }, 60)).goto(refusal("flood")),
      when(speaksNoneOf("tcp"), isOver("packets", { count: 100, per: "second" }, 200)).goto(refusal("flood")),
      when(toPorts("tcp", BOT_PORTS)).goto("bots"),
      ...egress.decisions.map((decision) => verdict(decision, CHAINS)),
    ],
    bots: [
      ...egress.decisions
        .filter(({ protocol }) => protocol === "tcp" || protocol === "any")
        .map((decision) => verdict(decision, { ...CHAINS, deny: refusal("bot"), limited: refusal("bot") })),
      always.goto(refusal("bot")),
    ],
    to_names: [
      when(isOver("names", egress.dnsRate)).goto(refusal("dns-rate")),
      always.tell("dns"),
      always.letThrough(markOf(slot, "name")),
    ],
    to_sinkhole: [
      // Of ICMP a sinkhole answers echoes, of other protocols nothing.
      when(speaks("icmp"), isNoEcho).goto(refusal("egress")),
      when(speaksNoneOf("tcp", "udp", "icmp")).goto(refusal("egress")),
      always.tell("sinkhole"),
      always.letThrough(markOf(slot, "sinkhole")),
    ],
    to_world: [
      when(speaks("tcp"), isOver("tcp_new", rates.tcp)).goto(refusal("rate")),
      when(speaks("udp"), isOver("udp_new", rates.udp)).goto(refusal("rate")),
      when(speaks("icmp"), isNoEcho).goto(refusal("egress")),
      when(speaks("icmp"), isOver("icmp_new", rates.icmp)).goto(refusal("rate")),
      when(speaksNoneOf("tcp", "udp", "icmp"), isOver("other_new", rates.other)).goto(refusal("rate")),
      when(connectionsOver(egress.connections)).goto(refusal("connections")),
      always.tell("limited"),
      always.letThrough(markOf(slot, "out")),
    ],
  };
}

/** To an address that is fenced and not opened. */
export function fenced({ fences, openings }: Egress): Condition {
  return { kind: "fenced", fences, openings };
}

const CHAINS = { deny: refusal("egress"), limited: "to_world", sinkhole: "to_sinkhole" };

function verdict({ protocol, ports, mode }: Decision, chains: typeof CHAINS): Rule {
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
