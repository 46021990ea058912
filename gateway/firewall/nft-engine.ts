import { tableOf } from "../model/slot.ts";
import { MOST_LISTINGS } from "./rule-figures.ts";
import { ifWorking } from "./command.ts";
import { isOfClass } from "./class-names.ts";
import type { Egress } from "./egress.ts";
import { closeDoor, doorFaults, openDoor } from "./engine-door.ts";
import { NftLedger } from "./nft-ledger.ts";
import { NftSession } from "./nft-session.ts";
import { nftText, setsFor } from "./nft-text.ts";
import { applyRules, expectedTable, FAMILIES, listTable, namesIn, removeTable, type Family } from "./nft.ts";
import type { Netfilter } from "./netfilter.ts";
import type { FencePlan } from "./plan.ts";
import { rulesOf } from "./rules.ts";

/** netfilter by nft, and with a way out one rule of Docker's iptables. */
export const NFT: Netfilter = {
  name: "nft",

  async rehearse(plan, egress) {
    await expectedTable(nftText(plan, egress), "inet", plan.table);
  },

  async apply(plan, egress) {
    await applyRules(nftText(plan, egress) + (await staleText(plan, egress)));
    await (egress.isOpen ? openDoor(plan.slot) : closeDoor(plan.slot));
  },

  async faults(plan, egress) {
    const [rules, door] = await Promise.all([
      rulesFaults(plan, egress),
      doorFaults(plan.slot, egress.isOpen),
    ]);
    return [...rules, ...door];
  },

  async rebuild(plan, egress) {
    for (const family of FAMILIES) await removeTable(family, plan.table);
    await NFT.apply(plan, egress);
  },

  async remove(slot) {
    await ifWorking(() => closeDoor(slot));
    for (const family of await tablesOf(slot)) await removeTable(family, tableOf(slot));
  },

  async remains(slot) {
    const remains = (await tablesOf(slot)).map((family) => `table ${family} ${tableOf(slot)}`);
    if (((await ifWorking(() => doorFaults(slot, false))) ?? []).length > 0)
      remains.push("a rule in iptables' DOCKER-USER");
    return remains;
  },

  ledger: (table) => new NftLedger(table),

  openPaths({ table }) {
    const session = new NftSession(`inet ${table} source_of`);
    return Promise.resolve({
      add: ({ localPort, address, port }) => session.add(`${localPort} : ${address} . ${port}`),
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    });
  },
};

/** What takes away the chains and sets of classes that a former rule set had. Once the new rules stand, nothing leads to them. */
async function staleText(plan: FencePlan, egress: Egress): Promise<string> {
  const { table } = plan;
  const found = await namesIn("inet", table);
  const stale = (kind: "chain" | "set", wanted: object) =>
    found[kind].filter((name) => isOfClass(name) && !Object.hasOwn(wanted, name));
  const chains = stale("chain", rulesOf(plan, egress));
  return [
    ...chains.map((name) => `flush chain inet ${table} ${name}\n`),
    ...chains.map((name) => `delete chain inet ${table} ${name}\n`),
    ...stale("set", setsFor(plan, egress)).map((name) => `delete set inet ${table} ${name}\n`),
  ].join("");
}

/** Empty where nft is missing, or the kernel has no nf_tables. */
async function tablesOf(slot: number): Promise<Family[]> {
  const found: Family[] = [];
  for (const family of FAMILIES)
    if (await ifWorking(() => listTable(family, tableOf(slot)))) found.push(family);
  return found;
}

/** How each rule set would be listed, once asked; the gateway looks every few seconds. */
const listings = new Map<string, string>();

async function rulesFaults(plan: FencePlan, egress: Egress): Promise<string[]> {
  const text = nftText(plan, egress);
  const faults: string[] = [];
  for (const family of FAMILIES) {
    const found = await listTable(family, plan.table);
    if (found === undefined) faults.push(`the table ${family} ${plan.table} is gone`);
    else if (found !== listings.get(`${family} ${text}`)) {
      // Asked anew before anything is said: an nft that was upgraded meanwhile prints otherwise.
      const expected = await expectedTable(text, family, plan.table);
      if (listings.size >= MOST_LISTINGS) listings.clear();
      listings.set(`${family} ${text}`, expected);
      if (found !== expected) faults.push(`the table ${family} ${plan.table} is not what it should be`);
    }
  }
  return faults;
}
