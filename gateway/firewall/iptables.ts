import { existsSync } from "node:fs";
import { command } from "./command.ts";
import { TABLES, type HookRule, type IptablesText, type Table, type TableText } from "./iptables-text.ts";

export type Version = "four" | "six";
export const VERSIONS: readonly Version[] = ["six", "four"];

export const PROGRAMS = { four: "iptables", six: "ip6tables" } as const;
/** Another program's change takes a moment; in seconds. */
const LOCK = ["-w", "5"];

/** A machine without IPv6 has nothing to shut. */
export function has(version: Version): boolean {
  return version === "four" || existsSync("/proc/net/if_inet6");
}

/** What stands in the tables, as `iptables-save` prints it: lines by table. */
export type Saved = Readonly<Record<Table, readonly string[]>>;

export async function saved(version: Version): Promise<Saved> {
  return byTable(await command(`${PROGRAMS[version]}-save`, []));
}

/** Each table is one transaction, in the order of the text. @throws MitsubakoError `firewall-failed`, `tool-missing`. */
export async function restore(version: Version, text: string): Promise<void> {
  if (text !== "") await command(`${PROGRAMS[version]}-restore`, ["--noflush", ...LOCK], { input: text });
}

export function byTable(printed: string): Saved {
  const tables: Record<Table, string[]> = { mangle: [], nat: [], filter: [] };
  let current: string[] | undefined;
  for (const line of printed.split("\n")) {
    const [, table] = /^\*(\S+)/.exec(line) ?? [];
    if (table !== undefined)
      current = (TABLES as readonly string[]).includes(table) ? tables[table as Table] : undefined;
    else if (/^[:-]/.test(line)) current?.push(line.replace(/ \[\d+:\d+\]$/, ""));
  }
  return tables;
}

/**
 * What brings the tables to what they should be: every chain of ours filled anew, those of an earlier policy taken away, and what leads
 * to ours in front of all else. Chains in `kept` are left as they are where they are there.
 */
export function fillText(
  wanted: readonly TableText[],
  found: Saved,
  prefix: string,
  kept: readonly string[] = [],
): string {
  return wanted
    .map(({ table, hooks, chains }) => {
      const lines = found[table];
      const all = new Set([...ownChains(lines, prefix), ...Object.keys(chains)]);
      const stale = [...all].filter((chain) => !(chain in chains));
      const declared = Object.keys(chains).filter(
        (chain) => !kept.includes(chain) || !lines.some((line) => line.startsWith(`:${chain} `)),
      );
      return transaction(table, [
        ...declared.map((chain) => `:${chain} - [0:0]`),
        ...declared.flatMap((chain) => (chains[chain] ?? []).map((rule) => `-A ${chain} ${rule}`)),
        ...leadsTo(lines, all).map(deletion),
        ...stale.map((chain) => `-F ${chain}`),
        ...stale.map((chain) => `-X ${chain}`),
        ...hooks.map((hook) => `-I ${placeOf(hook, lines)} 1 ${hook.rule}`),
      ]);
    })
    .join("");
}

/** Takes away every chain whose name begins with the prefix, and what leads to it. */
export function clearText(found: Saved, prefix: string): string {
  return TABLES.map((table) => {
    const lines = found[table];
    const chains = ownChains(lines, prefix);
    return chains.size === 0
      ? ""
      : transaction(table, [
          ...leadsTo(lines, chains).map(deletion),
          ...[...chains].map((chain) => `-F ${chain}`),
          ...[...chains].map((chain) => `-X ${chain}`),
        ]);
  }).join("");
}

export function ownChains(lines: readonly string[], prefix: string): Set<string> {
  return new Set(
    lines.filter((line) => line.startsWith(`:${prefix}`)).map((line) => line.slice(1).split(" ")[0] ?? ""),
  );
}

/** Our chains as they are listed, without `kept`: those are others' to fill. */
export function ownRules(lines: readonly string[], prefix: string, kept: readonly string[]): string[] {
  return lines
    .filter((line) => line.startsWith(`:${prefix}`) || line.startsWith(`-A ${prefix}`))
    .filter((line) => !kept.some((chain) => line.startsWith(`-A ${chain} `)))
    .toSorted(byChain);
}

/** Rules of one chain keep their order; chains have none. */
function byChain(one: string, other: string): number {
  const chain = (line: string) => line.replace(/^:|^-A /, "").split(" ")[0] ?? "";
  return chain(one) < chain(other) ? -1 : chain(one) > chain(other) ? 1 : 0;
}

/** Rules in netfilter's own chains, or in Docker's, that lead to one of the chains. */
export function leadsTo(lines: readonly string[], chains: ReadonlySet<string>): string[] {
  return lines.filter((line) => {
    const [, from = "", to = ""] = /^-A (\S+) .*-[gj] (\S+)$/.exec(line) ?? [];
    return chains.has(to) && !chains.has(from);
  });
}

/** The chain that a hook's rule belongs in, as the tables are now. */
export function placeOf({ chain, rather }: HookRule, lines: readonly string[]): string {
  const first = rulesIn(lines, chain).find((rule) => !isToOurs(rule));
  return rather !== undefined && first === `-j ${rather}` ? rather : chain;
}

/** Whether a rule leads to a chain of any slot, or is what nft's engine has among Docker's own (engine-door.ts). */
export function isToOurs(rule: string): boolean {
  return /-[gj] mitsubako\d+-\S+$|^-m mark --mark \S+ -m comment --comment mitsubako\d+ -j ACCEPT$/.test(
    rule,
  );
}

/** The rules of one chain, in order, as after `-A chain`. */
export function rulesIn(lines: readonly string[], chain: string): string[] {
  const start = `-A ${chain} `;
  return lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length));
}

function deletion(line: string): string {
  return line.replace(/^-A /, "-D ");
}

function transaction(table: Table, lines: readonly string[]): string {
  return `*${table}\n${lines.map((line) => `${line}\n`).join("")}COMMIT\n`;
}

/**
 * How the kernel would list what the text says: loaded in an empty network namespace that ends with the command, by the very
 * programs that list the real one, since versions differ in what they print.
 */
export async function expected(text: IptablesText): Promise<Record<Version, Saved>> {
  const nothing = byTable("");
  const parts = [
    text.sets,
    fillText(text.four, nothing, ""),
    has("six") ? fillText(text.six, nothing, "") : "",
  ];
  const script = `
    take() { sed -n "/^#$1/,/^#end/p" | grep -v '^#'; }
    all=$(cat)
    say() { printf '%s\\n' "$all"; }
    say | take 0 | ipset restore &&
    say | take 1 | iptables-restore ${LOCK.join(" ")} --noflush && iptables-save && echo '#six' &&
    if [ -n "$(say | take 2)" ]; then say | take 2 | ip6tables-restore ${LOCK.join(" ")} --noflush && ip6tables-save; fi`;
  const printed = await command("unshare", ["--net", "sh", "-c", script], {
    input: parts.map((part, index) => `#${index}\n${part}#end\n`).join(""),
  });
  const [four = "", six = ""] = printed.split("#six\n");
  return { four: byTable(four), six: byTable(six) };
}
