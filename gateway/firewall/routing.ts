import { command } from "./command.ts";
import { anyMarkOf, MARK_MASK } from "./marks.ts";
import type { FencePlan } from "./plan.ts";

/**
 * Policy routing knows nothing of netfilter: with every table flushed it still forwards nothing from the sandboxes and
 * nothing to them. The host's own connections to them come first. With a way out open, what netfilter has marked is routed
 * as the machine routes; without a mark, nothing is.
 */
export async function raiseRouting(plan: FencePlan, isOpen: boolean): Promise<void> {
  const { missing, foreign } = await compareRules(plan, isOpen);
  for (const { family, rule } of missing) await command("ip", [family, "rule", "add", ...rule]);
  // An earlier gateway in this slot may have had another subnet.
  for (const { family, rule } of foreign)
    await command("ip", [family, "rule", "del", "pref", String(rule.priority), ...selectorOf(rule)]);
}

export async function routingFaults(plan: FencePlan, isOpen: boolean): Promise<string[]> {
  const { missing, foreign } = await compareRules(plan, isOpen);
  return [
    ...missing.map(({ family, rule }) => `no routing rule: ip ${family} rule add ${rule.join(" ")}`),
    ...foreign.map(
      ({ family, rule }) => `a foreign routing rule at preference ${rule.priority} (ip ${family} rule)`,
    ),
  ];
}

/** Removes every rule with the given preferences, however often it is there. */
export async function lowerRouting(preferences: readonly number[]): Promise<void> {
  for (const family of FAMILIES) {
    for (const { priority } of await readRules(family)) {
      if (preferences.includes(priority))
        await command("ip", [family, "rule", "del", "pref", String(priority)]);
    }
  }
}

/** How many rules stand at the given preferences. */
export async function rulesAt(preferences: readonly number[]): Promise<number> {
  const rules = await Promise.all(FAMILIES.map(readRules));
  return rules.flat().filter(({ priority }) => preferences.includes(priority)).length;
}

const FAMILIES = ["-4", "-6"] as const;
type Family = (typeof FAMILIES)[number];

interface Wanted {
  readonly family: Family;
  readonly rule: readonly string[];
  readonly shown: Partial<ShownRule>;
}

function wantedRules(plan: FencePlan, isOpen: boolean): Wanted[] {
  const { bridge, subnet, outpost } = plan;
  const [own, fromMarked, from, outpostMarked, fromOutpost, toMarked, to] = plan.preferences;
  const [dst = "", dstlen = ""] = subnet.cidr.split("/");
  const destination = { dst, dstlen: Number(dstlen) };
  const mark = { fwmark: anyMarkOf(plan.slot), fwmask: MARK_MASK };
  const marked = ["fwmark", `${mark.fwmark}/${mark.fwmask}`];
  const four = (priority: number | undefined, rule: string[], shown: Partial<ShownRule>): Wanted => ({
    family: "-4",
    rule: ["pref", String(priority), ...rule],
    shown: { ...shown, priority: priority ?? 0 },
  });
  const closed = (priority: number | undefined, iif: string): Wanted[] => {
    const rule = four(priority, ["iif", iif, "unreachable"], { iif, action: "unreachable" });
    return [rule, { ...rule, family: "-6" }];
  };
  const opened = (priority: number | undefined, rule: string[], shown: Partial<ShownRule>): Wanted[] =>
    isOpen
      ? [four(priority, [...rule, ...marked, "lookup", "main"], { ...shown, ...mark, table: "main" })]
      : [];
  return [
    four(own, ["iif", "lo", "to", subnet.cidr, "lookup", "main"], {
      iif: "lo",
      table: "main",
      ...destination,
    }),
    ...opened(fromMarked, ["iif", bridge], { iif: bridge }),
    ...closed(from, bridge),
    ...opened(outpostMarked, ["iif", outpost.link], { iif: outpost.link }),
    ...closed(fromOutpost, outpost.link),
    ...opened(toMarked, ["to", subnet.cidr], destination),
    four(to, ["to", subnet.cidr, "unreachable"], { action: "unreachable", ...destination }),
  ];
}

interface Comparison {
  readonly missing: readonly Wanted[];
  /** At our preferences, but not ours. */
  readonly foreign: readonly { readonly family: Family; readonly rule: ShownRule }[];
}

async function compareRules(plan: FencePlan, isOpen: boolean): Promise<Comparison> {
  const present = { "-4": await readRules("-4"), "-6": await readRules("-6") };
  const wanted = wantedRules(plan, isOpen);
  const same = (shown: Partial<ShownRule>, rule: ShownRule) =>
    COMPARED.every((key) => shown[key] === rule[key]);
  return {
    missing: wanted.filter(({ family, shown }) => !present[family].some((rule) => same(shown, rule))),
    foreign: FAMILIES.flatMap((family) =>
      present[family]
        .filter((rule) => plan.preferences.includes(rule.priority))
        .filter((rule) => !wanted.some((want) => want.family === family && same(want.shown, rule)))
        .map((rule) => ({ family, rule })),
    ),
  };
}

/** Enough to remove this rule and not its neighbour of the same preference. */
function selectorOf({ iif, dst, dstlen, fwmark, fwmask }: ShownRule): string[] {
  return [
    ...(fwmark === undefined ? [] : ["fwmark", fwmask === undefined ? fwmark : `${fwmark}/${fwmask}`]),
    ...(iif === undefined ? [] : ["iif", iif]),
    ...(dst === undefined ? [] : ["to", dstlen === undefined ? dst : `${dst}/${dstlen}`]),
  ];
}

const COMPARED = ["priority", "iif", "dst", "dstlen", "fwmark", "fwmask", "table", "action"] as const;

interface ShownRule {
  readonly priority: number;
  readonly iif?: string;
  readonly dst?: string;
  readonly dstlen?: number;
  readonly fwmark?: string;
  readonly fwmask?: string;
  readonly table?: string;
  readonly action?: string;
}

/** Empty where the kernel has no such family. */
async function readRules(family: Family): Promise<ShownRule[]> {
  const printed = await command("ip", [family, "-j", "rule", "show"], {
    accept: family === "-6" ? [0, 1, 2, 255] : [0],
  });
  return printed.trim() === "" ? [] : (JSON.parse(printed) as ShownRule[]);
}
