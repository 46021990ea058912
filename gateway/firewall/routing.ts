import { command } from "./command.ts";
import type { FencePlan } from "./plan.ts";

/**
 * Policy routing knows nothing of netfilter: with every table flushed it still forwards nothing from the sandboxes and
 * nothing to them. The host's own connections to them come first.
 */
export async function raiseRouting(plan: FencePlan): Promise<void> {
  const { missing, foreign } = await compareRules(plan);
  for (const { family, rule } of missing) await command("ip", [family, "rule", "add", ...rule]);
  // An earlier gateway in this slot may have had another subnet.
  for (const { family, rule } of foreign)
    await command("ip", [family, "rule", "del", "pref", String(rule.priority), ...selectorOf(rule)]);
}

export async function routingFaults(plan: FencePlan): Promise<string[]> {
  const { missing, foreign } = await compareRules(plan);
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

function wantedRules({ preferences, bridge, subnet }: FencePlan): Wanted[] {
  const [own, from, to] = preferences;
  const [dst = "", dstlen = ""] = subnet.cidr.split("/");
  const destination = { dst, dstlen: Number(dstlen) };
  return [
    {
      family: "-4",
      rule: ["pref", String(own), "iif", "lo", "to", subnet.cidr, "lookup", "main"],
      shown: { priority: own, iif: "lo", table: "main", ...destination },
    },
    {
      family: "-4",
      rule: ["pref", String(from), "iif", bridge, "unreachable"],
      shown: { priority: from, iif: bridge, action: "unreachable" },
    },
    {
      family: "-4",
      rule: ["pref", String(to), "to", subnet.cidr, "unreachable"],
      shown: { priority: to, action: "unreachable", ...destination },
    },
    {
      family: "-6",
      rule: ["pref", String(from), "iif", bridge, "unreachable"],
      shown: { priority: from, iif: bridge, action: "unreachable" },
    },
  ];
}

interface Comparison {
  readonly missing: readonly Wanted[];
  /** At our preferences, but not ours. */
  readonly foreign: readonly { readonly family: Family; readonly rule: ShownRule }[];
}

async function compareRules(plan: FencePlan): Promise<Comparison> {
  const present = { "-4": await readRules("-4"), "-6": await readRules("-6") };
  const wanted = wantedRules(plan);
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
function selectorOf({ iif, dst, dstlen }: ShownRule): string[] {
  return [
    ...(iif === undefined ? [] : ["iif", iif]),
    ...(dst === undefined ? [] : ["to", dstlen === undefined ? dst : `${dst}/${dstlen}`]),
  ];
}

const COMPARED = ["priority", "iif", "dst", "dstlen", "table", "action"] as const;

interface ShownRule {
  readonly priority: number;
  readonly iif?: string;
  readonly dst?: string;
  readonly dstlen?: number;
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
