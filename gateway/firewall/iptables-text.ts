import { LOG_PREFIX, logGroupOf } from "../model/network-facts.ts";
import { ofClass, setOf } from "./class-names.ts";
import { nameOf } from "./content-name.ts";
import type { Egress } from "./egress.ts";
import {
  hashLimit,
  rateText,
  saidOf,
  side,
  type NeedsChain,
  type Said,
  type Setting,
} from "./iptables-conditions.ts";
import { anyMarkOf, MARK_MASK, markOf } from "./marks.ts";
import type { FencePlan } from "./plan.ts";
import { LOGGED_BYTES, TOLD, TOLD_OF_LIARS } from "./rule-figures.ts";
import type { Action, Chains, Condition, Rule } from "./rule-model.ts";
import { rulesOf, type Hook } from "./rules.ts";

/** In the order in which they are put in force: what shuts comes first. */
export const TABLES = ["mangle", "nat", "filter"] as const;
export type Table = (typeof TABLES)[number];

/** A rule in one of netfilter's own chains that leads to ours. Before all that is not ours. */
export interface HookRule {
  readonly chain: string;
  readonly rule: string;
  /** Where that chain begins with this one, it stands in here: Docker keeps its own rules behind it, and puts it in front again and again. */
  readonly rather?: string;
}

export interface TableText {
  readonly table: Table;
  readonly hooks: readonly HookRule[];
  /** Names with the slot's prefix; each with its rules, as after `-A chain`. */
  readonly chains: Readonly<Record<string, readonly string[]>>;
}

export interface IptablesText {
  /** For `ipset restore`. */
  readonly sets: string;
  readonly four: readonly TableText[];
  readonly six: readonly TableText[];
  /** In `nat`: the engine's own rules of each path stand in it. */
  readonly shown: string;
}

/** Netfilter's own chains where ours are asked. Mangle's come before every filter and Docker puts nothing there. */
const PLACES: Readonly<Record<Hook, readonly [Table, string]>> = {
  prerouting: ["mangle", "PREROUTING"],
  input: ["mangle", "INPUT"],
  forward: ["mangle", "FORWARD"],
  output: ["mangle", "OUTPUT"],
  to_outpost_nat: ["nat", "PREROUTING"],
  postrouting: ["nat", "POSTROUTING"],
};

/**
 * The slot's whole rule set for iptables, ip6tables and ipset. All is decided in `mangle`, before every filter, where `iptables -F`
 * leaves it alone. Only `filter` can answer with a refusal, so what is refused is marked, answered there, and stopped in any case
 * behind it.
 */
export function iptablesText(plan: FencePlan, egress: Egress): IptablesText {
  const { slot, table } = plan;
  const chains = rulesOf(plan, egress);
  const write = (version: 4 | 6) => new Writer({ version, table }, slot, chains);
  const refused = `-m mark --mark ${markOf(slot, "refused")}`;
  const prohibited = (version: 4 | 6) => (version === 4 ? "icmp-admin-prohibited" : "icmp6-adm-prohibited");
  const filter = (version: 4 | 6): TableText => ({
    table: "filter",
    hooks: [
      { chain: "FORWARD", rather: "DOCKER-USER", rule: `-j ${table}-door` },
      { chain: "OUTPUT", rule: `${refused} -g ${table}-refused` },
    ],
    chains: {
      [`${table}-door`]: [
        `${refused} -g ${table}-refused`,
        // Docker refuses what is forwarded past its own networks. Only our rules give the mark.
        ...(egress.isOpen && version === 4
          ? [`-m mark --mark ${anyMarkOf(slot)}/${MARK_MASK} -j ACCEPT`]
          : []),
      ],
      [`${table}-refused`]: [
        "-p tcp -j REJECT --reject-with tcp-reset",
        `-j REJECT --reject-with ${prohibited(version)}`,
      ],
    },
  });
  const mangle = (version: 4 | 6): TableText => {
    // Who asks for the caps reads them there, whatever the policy lets out; and the kernel keeps a set that a rule names.
    const charges = egress.classes.flatMap((each) => [ofClass("up", each), ofClass("down", each)]);
    const written = write(version).table("mangle", version === 4 ? charges : []);
    return {
      ...written,
      hooks: [...written.hooks, { chain: "POSTROUTING", rule: `${refused} -g ${table}-stop` }],
      chains: { ...written.chains, [`${table}-stop`]: ["-j DROP"] },
    };
  };
  return {
    sets: setsText(table, egress),
    // Tables are put in one after the other, and `mangle` opens the way out: what leaves is to be translated by then.
    four: [write(4).table("nat"), mangle(4), filter(4)],
    six: [mangle(6), filter(6)],
    shown: shownChain(table),
  };
}

/** What leads to that chain, outermost first, each a chain and its rule. */
export function leadsToShown(plan: FencePlan): readonly string[] {
  const { table, bridge, gateway, sshPort } = plan;
  return [
    `POSTROUTING -j ${table}-postrouting`,
    `${table}-postrouting -o ${bridge} -s ${gateway} -p tcp -m tcp --dport ${sshPort} -j ${shownChain(table)}`,
  ];
}

export function shownChain(table: string): string {
  return `${table}-shown`;
}

/** All keyed by a sandbox's address; the first two count its bytes. Netfilter's `up` is what it sends. Each class has one beside. */
export const SETS = ["up", "down", "live", "spent"] as const;

function setsText(table: string, { classes }: Egress): string {
  return [...SETS, ...classes.map(setOf)].map((name) => setText(table, name)).join("");
}

export function setText(table: string, name: string): string {
  return `create ${table}-${name} hash:ip family inet maxelem 65536${name === "up" || name === "down" ? " counters" : ""}\n`;
}

/** Writes the chains that packets of one version of IP can come to. */
class Writer {
  readonly #setting: Setting;
  readonly #slot: number;
  readonly #source: Chains;

  constructor(setting: Setting, slot: number, source: Chains) {
    this.#setting = setting;
    this.#slot = slot;
    this.#source = source;
  }

  /** `unled`: chains that are wanted although none leads to them. */
  table(table: Table, unled: readonly string[] = []): TableText {
    const hooked = (Object.keys(PLACES) as Hook[]).filter((hook) => PLACES[hook][0] === table);
    const chains: Record<string, readonly string[]> = {};
    const wanted: string[] = [...hooked, ...unled];
    for (let name = wanted.shift(); name !== undefined; name = wanted.shift()) {
      if (this.#name(name) in chains) continue;
      const { lines, own } = this.#chain(this.#source[name] ?? []);
      chains[this.#name(name)] = lines;
      Object.assign(chains, own);
      for (const rule of this.#source[name] ?? [])
        if (rule.then.kind === "goto") wanted.push(rule.then.chain);
    }
    return {
      table,
      hooks: hooked.map((hook) => ({ chain: PLACES[hook][1], rule: `-j ${this.#name(hook)}` })),
      chains: this.#reachable(chains, [...hooked, ...unled]),
    };
  }

  /** What stands behind a rule without conditions is never asked; nor is a chain that no other leads to. */
  #reachable(chains: Record<string, readonly string[]>, starts: readonly string[]) {
    const kept: Record<string, readonly string[]> = {};
    const visit = (name: string) => {
      if (name in kept) return;
      kept[name] = chains[name] ?? [];
      for (const line of kept[name])
        for (const [, next = ""] of line.matchAll(/(?:-g|-j) (\S+)/g))
          if (next in chains || next === shownChain(this.#setting.table)) visit(next);
    };
    for (const start of starts) visit(this.#name(start));
    return kept;
  }

  #name(chain: string): string {
    return `${this.#setting.table}-${chain}`;
  }

  #chain(rules: readonly Rule[]): { lines: string[]; own: Record<string, string[]> } {
    const lines: string[] = [];
    const own: Record<string, string[]> = {};
    for (const rule of rules) {
      const said = saidOf(
        rule.when.filter((condition) => !needsChain(condition)),
        this.#setting,
      );
      lines.push(...this.#rule(rule, said, own));
      const appliesToAll = !rule.when.some(needsChain) && said.some((each) => line(each) === "");
      if (appliesToAll && ENDING.has(rule.then.kind)) break;
    }
    return { lines, own };
  }

  #rule({ when, then, note }: Rule, said: readonly Said[], own: Record<string, string[]>): string[] {
    const special = when.find(needsChain);
    const target = this.#target(then, own);
    const comment = note === undefined ? "" : ` -m comment --comment "${note}"`;
    if (!special)
      return said.flatMap((each) => [
        ...this.#uncounted(when, each),
        `${line(each)}${comment} ${target}`.trim(),
      ]);
    // No fence is IPv6's: it has no way out.
    if (this.#setting.version === 6 && special.kind === "fenced") return [];
    const [detour, lines] = this.#detour(special, then, target);
    own[this.#name(detour)] = lines;
    return said.map((each) => `${line(each)} -j ${this.#name(detour)}`.trim());
  }

  /** A sandbox whose bytes nobody counts does not pass. */
  #uncounted(when: readonly Condition[], said: Said): string[] {
    const cap = when.find((condition) => condition.kind === "over-cap");
    if (!cap) return [];
    const { table } = this.#setting;
    const end = side(cap.direction === "up" ? "source" : "destination");
    return [
      `${line({ ...said, matches: [] })} -m set ! --match-set ${table}-${cap.direction} ${end} ! --update-counters -j DROP`.trim(),
    ];
  }

  /** A chain that is left again by what the rule does not mean. */
  #detour(special: NeedsChain, then: Action, target: string): [name: string, lines: string[]] {
    // Classes that have the same fences share the chain.
    const name =
      special.kind === "fenced"
        ? ofClass("fenced", { name: nameOf([special.fences, special.openings, then]) })
        : `else_${then.kind}`;
    const spared =
      special.kind === "fenced"
        ? special.openings.map((range) => `-d ${range}`)
        : special.links.map((link) => `-o ${link}`);
    const meant = special.kind === "fenced" ? special.fences.map((range) => `-d ${range} `) : [""];
    return [name, [...spared.map((each) => `${each} -j RETURN`), ...meant.map((each) => `${each}${target}`)]];
  }

  /** Other tables decide after this one, so what is accepted here just leaves our chains. */
  #target(action: Action, own: Record<string, string[]>): string {
    const { table } = this.#setting;
    const mark = (value: string) => `-j MARK --set-xmark ${value}/0xffffffff`;
    const chain = (name: string, lines: string[]) => {
      own[this.#name(name)] = lines;
      return `-g ${this.#name(name)}`;
    };
    switch (action.kind) {
      case "goto":
        return `-g ${this.#name(action.chain)}`;
      case "accept":
        return "-j RETURN";
      case "drop":
        return "-j DROP";
      case "refuse":
        // Nor does a rule of others in this table get to see it, which could give it another mark.
        return chain("refuse", [mark(markOf(this.#slot, "refused")), "-j ACCEPT"]);
      case "let-through":
        return chain(`let_${action.mark}`, [
          `-j CONNMARK --set-xmark ${action.mark}/0xffffffff`,
          mark(action.mark),
        ]);
      case "let-follow":
        return chain("follow", ["-j CONNMARK --restore-mark"]);
      case "tell": {
        const limit =
          action.of === "liars"
            ? `-m limit --limit ${rateText(TOLD_OF_LIARS.rate)} --limit-burst ${TOLD_OF_LIARS.burst}`
            : hashLimit({ how: "upto", table, name: `told-${side(action.of)}`, ...TOLD, end: action.of });
        return `${limit} -j NFLOG --nflog-prefix "${LOG_PREFIX}${action.rule}" --nflog-group ${logGroupOf(this.#slot)} --nflog-size ${LOGGED_BYTES} --nflog-threshold 1`;
      }
      case "spend":
        return `-j SET --add-set ${table}-spent ${side(action.end)} --exist`;
      case "lead-to":
        return `-j DNAT --to-destination ${action.address}${action.port === undefined ? "" : `:${action.port}`}`;
      case "show-attacker":
        return `-j ${shownChain(table)}`;
      case "masquerade":
        return "-j MASQUERADE";
      default:
        return action satisfies never;
    }
  }
}

const ENDING: ReadonlySet<Action["kind"]> = new Set([
  "goto",
  "accept",
  "drop",
  "refuse",
  "let-through",
  "let-follow",
]);

function needsChain(condition: Condition): condition is NeedsChain {
  return condition.kind === "out-elsewhere" || condition.kind === "fenced";
}

function line({ protocol, basics, matches }: Said): string {
  return [...basics, ...(protocol === undefined ? [] : [`-p ${protocol}`]), ...matches].join(" ");
}
