import { setTimeout as sleep } from "node:timers/promises";
import { tableOf } from "../model/slot.ts";
import { setOf } from "./class-names.ts";
import { IpsetLedger, changeSets, classesOf, emptySet, removeSet, setsOf } from "./ipset-ledger.ts";
import {
  clearText,
  expected,
  fillText,
  has,
  isToOurs,
  leadsTo,
  ownChains,
  ownRules,
  placeOf,
  PROGRAMS,
  restore,
  rulesIn,
  saved,
  VERSIONS,
  type Saved,
  type Version,
} from "./iptables.ts";
import { IptablesPaths } from "./iptables-paths.ts";
import { iptablesText, TABLES, type IptablesText, type TableText } from "./iptables-text.ts";
import { MOST_LISTINGS } from "./rule-figures.ts";
import { ifWorking } from "./command.ts";
import type { Netfilter } from "./netfilter.ts";

/** netfilter by iptables, ip6tables and ipset: for machines where nft does not work, or the operator's rules are iptables'. */
export const IPTABLES: Netfilter = {
  name: "iptables",

  async rehearse(plan, egress) {
    await expected(iptablesText(plan, egress));
  },

  // IPv6 has no way out whatever the policy says, so it is shut first.
  async apply(plan, egress) {
    const text = iptablesText(plan, egress);
    await changeSets(text.sets);
    for (const version of VERSIONS)
      if (has(version))
        await restore(version, fillText(text[version], await saved(version), `${plan.table}-`, [text.shown]));
    // No rule names them any more.
    const wanted = new Set(egress.classes.map(({ name }) => name));
    for (const name of await classesOf(plan.table))
      if (!wanted.has(name)) await emptySet(`${plan.table}-${setOf({ name })}`);
  },

  async faults(plan, egress) {
    const text = iptablesText(plan, egress);
    const compare = async () => faultsOf(plan.table, text, await bothSaved(), await listed(text));
    if ((await compare()).length === 0) return [];
    // Asked anew before anything is said: programs that were upgraded meanwhile print otherwise, and Docker takes its own rules away
    // for a moment when a network comes.
    listings.delete(key(text));
    await sleep(DOCKERS_MOMENT);
    return compare();
  },

  async rebuild(plan, egress) {
    await clear(plan.table);
    await IPTABLES.apply(plan, egress);
  },

  async remove(slot) {
    const table = tableOf(slot);
    const sets = (await ifWorking(() => setsOf(table))) ?? [];
    // Sets are made before rules and go after them. Without any, what cannot be listed is not there: tables that this kernel has not.
    const found = sets.length > 0 ? await bothSaved() : ((await ifWorking(bothSaved)) ?? {});
    for (const version of VERSIONS) {
      const lines = found[version];
      if (lines) await restore(version, clearText(lines, `${table}-`));
    }
    for (const name of sets) await removeSet(name);
  },

  async remains(slot) {
    const table = tableOf(slot);
    const found = (await ifWorking(bothSaved)) ?? {};
    const chains = VERSIONS.flatMap((version) =>
      TABLES.flatMap((name) => {
        const { size } = ownChains(found[version]?.[name] ?? [], `${table}-`);
        return size === 0 ? [] : [`${size} chains in ${PROGRAMS[version]}' ${name}`];
      }),
    );
    const sets = ((await ifWorking(() => setsOf(table))) ?? []).map((name) => `ipset ${name}`);
    return [...chains, ...sets];
  },

  ledger: (table) => new IpsetLedger(table),

  async openPaths(plan) {
    const paths = new IptablesPaths(plan);
    // What an earlier gateway left would show the wrong address.
    await paths.clear();
    return paths;
  },
};

/** Milliseconds. */
const DOCKERS_MOMENT = 300;

async function bothSaved(): Promise<Partial<Record<Version, Saved>>> {
  return { four: await saved("four"), ...(has("six") ? { six: await saved("six") } : {}) };
}

async function clear(table: string): Promise<void> {
  for (const version of VERSIONS)
    if (has(version)) await restore(version, clearText(await saved(version), `${table}-`));
}

/** How each rule set would be listed, once asked; the gateway looks every few seconds. */
const listings = new Map<string, Promise<Record<Version, Saved>>>();

function listed(text: IptablesText): Promise<Record<Version, Saved>> {
  const at = key(text);
  const asked = listings.get(at) ?? expected(text);
  if (listings.size >= MOST_LISTINGS) listings.clear();
  listings.set(at, asked);
  asked.catch(() => listings.delete(at));
  return asked;
}

function key(text: IptablesText): string {
  return JSON.stringify(text);
}

function faultsOf(
  table: string,
  text: IptablesText,
  found: Partial<Record<Version, Saved>>,
  wanted: Record<Version, Saved>,
): string[] {
  return VERSIONS.filter((version) => found[version]).flatMap((version) =>
    text[version].flatMap((each) =>
      tableFaults(
        `${PROGRAMS[version]}' ${each.table}`,
        { table, text: each, kept: [text.shown] },
        { found: found[version]?.[each.table] ?? [], wanted: wanted[version][each.table] },
      ),
    ),
  );
}

function tableFaults(
  where: string,
  { table, text, kept }: { table: string; text: TableText; kept: readonly string[] },
  { found, wanted }: { found: readonly string[]; wanted: readonly string[] },
): string[] {
  const prefix = `${table}-`;
  const own = ownRules(found, prefix, kept);
  if (own.length === 0) return [`the chains of ${table} in ${where} are gone`];
  const faults: string[] = [];
  if (own.join("\n") !== ownRules(wanted, prefix, kept).join("\n"))
    faults.push(`the chains of ${table} in ${where} are not what they should be`);
  const places = text.hooks.map((hook) => placeOf(hook, found));
  text.hooks.forEach(({ chain, rule }, index) => {
    // Those of other slots' gateways may stand before ours, and nothing else.
    const rules = rulesIn(found, places[index] ?? chain);
    const others = rules.findIndex((each) => !isToOurs(each));
    const first = others < 0 ? rules : rules.slice(0, others);
    if (!first.includes(rulesIn(wanted, chain)[0] ?? rule))
      faults.push(`what leads from ${chain} to ${table} in ${where} is gone, or not the first`);
  });
  for (const line of leadsTo(found, new Set(Object.keys(text.chains))))
    if (!places.includes(line.split(" ")[1] ?? "")) faults.push(`a foreign rule in ${where}: ${line}`);
  return faults;
}
