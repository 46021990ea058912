import { OUTPOST_PORTS, SINKHOLED_PORTS } from "../model/outpost-messages.ts";
import { ofClass, setOf } from "./class-names.ts";
import type { Egress, EgressClass } from "./egress.ts";
import { fenced, judgeChains, waysOf } from "./judge-rules.ts";
import { anyMarkOf, MARK_MASK, markOf, type Way } from "./marks.ts";
import type { FencePlan } from "./plan.ts";
import {
  always,
  asksForName,
  comesBy,
  from,
  fromPort,
  goesBy,
  goesElsewhereThan,
  isNotIpv4,
  isOverCap,
  isReset,
  isUser,
  isWithin,
  marked,
  notFrom,
  opens,
  opensNot,
  sandboxIn,
  sandboxNotIn,
  speaks,
  speaksNoneOf,
  state,
  to,
  toAnyOf,
  toPort,
  when,
  type Chains,
} from "./rule-model.ts";

/**
 * Where the kernel asks the rules, in the words of netfilter's hooks: after conntrack and before every address translation, and before
 * Docker's filters. The first to decide on a translation wins: ours come before Docker's.
 */
export const HOOKS = ["prerouting", "input", "forward", "output", "to_outpost_nat", "postrouting"] as const;
export type Hook = (typeof HOOKS)[number];

/**
 * All rules of a slot, whatever engine applies them. Every `drop` is final whatever other tables say, so no priority of Docker's,
 * ufw's or firewalld's chains can open what is shut here. What a sandbox may do is decided in prerouting, which marks what it lets
 * through; without a mark nothing is routed. The chains behind it ask again, for the day when a hook is bypassed or a rule is edited
 * by hand.
 */
export function rulesOf(plan: FencePlan, egress: Egress): Chains {
  const { classes } = egress;
  const forwarded = Object.assign({}, ...classes.map((each) => classChains(plan, each))) as Chains;
  return { ...hookChains(plan, egress), ...forwarded, ...judgeChains(plan, egress) };
}

/** What the rules that are asked behind the first ones say of a class, and where its bytes are counted. */
function classChains({ slot, outpost }: FencePlan, own: EgressClass): Chains {
  const ways = waysOf(own);
  const way = (name: Way) => marked(markOf(slot, name));
  const [up, down] = [ofClass("up", own), ofClass("down", own)];
  return {
    [ofClass("out", own)]: [
      ...ways.filter((each) => each !== "out").map((each) => when(way(each), goesBy(outpost.link)).goto(up)),
      ...(ways.includes("out")
        ? [when(goesBy(outpost.link)).drop(), when(fenced(own)).drop(), when(way("out")).goto(up)]
        : []),
      always.drop("forwarded out"),
    ],
    [ofClass("in", own)]: [
      ...ways.map((each) => when(state("established", "related"), way(each)).goto(down)),
      always.drop("forwarded in"),
    ],
    // A packet is counted once: twice would halve the cap. A sandbox whose bytes are not counted is not in `live`.
    [up]: [
      when(sandboxIn("spent", "source")).goto("over"),
      when(isOverCap("up", own.caps.up)).goto("spend_up"),
      always.accept(),
    ],
    [down]: [
      when(sandboxIn("spent", "destination")).goto("over"),
      when(isOverCap("down", own.caps.down)).goto("spend_down"),
      always.accept(),
    ],
  };
}

function hookChains(plan: FencePlan, egress: Egress): Record<Hook, Chains[string]> & Chains {
  const { slot, bridge, subnet, gateway, sshPort, fronts, archivist, outpost } = plan;
  const { classes } = egress;
  const ours = marked(anyMarkOf(slot), MARK_MASK);
  const way = (name: Way) => marked(markOf(slot, name));
  const letsFollow = when(state("established", "related"), ours).letFollow();
  const ifOpen = <T>(...rules: T[]) => (egress.isOpen ? rules : []);
  const ifNames = <T>(source: EgressClass["names"], ...rules: T[]) =>
    classes.some(({ names }) => names === source) ? rules : [];
  const ifAsked = <T>(...rules: T[]) => (egress.resolvers.length === 0 ? [] : rules);
  /** A reset that the rules make: the kernel's own, it belongs to no user. */
  const ourReset = ifOpen(when(ours, isReset).accept());
  const isToSsh = [to(subnet.cidr), toPort("tcp", sshPort)];
  const isSinkholed = [comesBy(bridge), way("sinkhole")];
  return {
    prerouting: [
      when(comesBy(bridge)).goto("from_sandbox"),
      when(comesBy(outpost.link)).goto("from_outpost"),
      when(comesBy("lo")).accept(),
      // Answers to what was let out; their destination is translated back after this.
      ...ifOpen(letsFollow),
      when(from(subnet.cidr)).drop("outsider that claims to be a sandbox"),
      when(to(subnet.cidr)).drop("outsider that wants to reach a sandbox"),
    ],
    from_outpost: [
      when(notFrom(outpost.address)).drop("the outpost, spoofed"),
      when(isNotIpv4).drop(),
      ...ifOpen(letsFollow),
      ...ifAsked(
        when(
          toAnyOf(egress.resolvers),
          asksForName,
          state("new"),
          isWithin({ count: 200, per: "second" }, 400),
        ).letThrough(markOf(slot, "upstream")),
      ),
      always.drop("everything else from the outpost"),
    ],
    input: [
      when(comesBy(bridge)).goto("to_host"),
      when(comesBy(outpost.link)).drop("the outpost to the host"),
    ],
    to_host: [
      when(to(gateway), fromPort(sshPort), state("established")).accept(),
      always.drop("the host and its services"),
    ],
    // Between sandboxes too, where bridged frames are shown to this hook.
    forward: [
      when(comesBy(bridge), goesBy(bridge)).drop("sandbox to sandbox"),
      when(comesBy(bridge)).goto("forward_out"),
      when(goesBy(bridge)).goto("forward_in"),
      when(comesBy(outpost.link)).goto("outpost_out"),
      when(goesBy(outpost.link)).goto("outpost_in"),
    ],
    forward_out: [
      when(sandboxNotIn("live", "source")).drop("forwarded out, not ready"),
      ...classes.map((each) => when(sandboxIn(setOf(each), "source")).goto(ofClass("out", each))),
      always.drop("forwarded out, of no class"),
    ],
    forward_in: [
      when(sandboxNotIn("live", "destination")).drop("forwarded in, not ready"),
      ...classes.map((each) => when(sandboxIn(setOf(each), "destination")).goto(ofClass("in", each))),
      always.drop("forwarded in, of no class"),
    ],
    spend_up: [always.spend("source"), always.tell("cap", "source"), always.goto("over")],
    spend_down: [always.spend("destination"), always.tell("cap", "destination"), always.goto("over")],
    over: [when(speaks("tcp")).refuse("reset"), always.drop()],
    outpost_out: [
      ...ifAsked(when(way("upstream"), toAnyOf(egress.resolvers)).accept()),
      always.drop("the outpost, elsewhere"),
    ],
    outpost_in: [
      ...ifAsked(when(way("upstream"), state("established", "related")).accept()),
      always.drop("to the outpost"),
    ],
    output: [
      when(isUser(fronts[0], fronts[1])).goto("from_front"),
      when(isUser(fronts[1] + 1, archivist)).goto("from_helper"),
      when(goesBy(bridge)).goto("to_sandbox"),
      when(goesBy(outpost.link)).goto("host_to_outpost"),
    ],
    // A captured front can answer those who connected to it and knock at the sandboxes' sshd: no scan, no loopback.
    from_front: [
      when(speaksNoneOf("tcp")).refuse("prohibited", "a front, not TCP"),
      when(opensNot).accept(),
      when(goesBy(bridge), ...isToSsh, opens).accept(),
      always.refuse("reset", "a front, elsewhere"),
    ],
    from_helper: [
      when(speaks("tcp")).refuse("reset", "a helper, anywhere"),
      always.refuse("prohibited", "a helper, anywhere"),
    ],
    to_sandbox: [
      when(...isToSsh, opensNot).accept(),
      when(...isToSsh, isUser(0)).accept(),
      ...ourReset,
      always.drop("the host, but not root's SSH"),
    ],
    host_to_outpost: [...ourReset, always.drop("the host to the outpost")],
    to_outpost_nat: [
      ...ifNames("resolve", when(comesBy(bridge), way("name")).leadTo(outpost.address)),
      ...ifNames(
        "invent",
        ...(["tcp", "udp"] as const).map((each) =>
          when(comesBy(bridge), way("invented"), speaks(each)).leadTo(
            outpost.address,
            OUTPOST_PORTS.inventedDns,
          ),
        ),
      ),
      ...ifOpen(
        ...Object.entries(SINKHOLED_PORTS).map(([port, listener]) =>
          when(...isSinkholed, toPort("tcp", Number(port))).leadTo(outpost.address, listener),
        ),
        when(...isSinkholed, speaks("tcp")).leadTo(outpost.address, OUTPOST_PORTS.tcp),
        when(...isSinkholed, speaks("udp")).leadTo(outpost.address, OUTPOST_PORTS.udp),
        when(...isSinkholed).leadTo(outpost.address),
      ),
    ],
    postrouting: [
      when(goesBy(bridge), from(gateway), toPort("tcp", sshPort)).showAttacker(),
      ...ifOpen(
        when(goesElsewhereThan(bridge, outpost.link), way("out")).masquerade(),
        when(goesElsewhereThan(bridge, outpost.link), way("upstream")).masquerade(),
      ),
    ],
  };
}
