import { command } from "./command.ts";

/** One transaction: all of it is in force afterwards, or none. @throws MitsubakoError `firewall-failed`, `tool-missing`. */
export async function applyRules(text: string): Promise<void> {
  await command("nft", ["-f", "-"], { input: text });
}

export type Family = "inet" | "bridge";
export const FAMILIES: readonly Family[] = ["inet", "bridge"];

/** Removes a table if it is there. */
export async function removeTable(family: Family, table: string): Promise<void> {
  await applyRules(`table ${family} ${table}\ndelete table ${family} ${table}\n`);
}

/**
 * What the kernel holds of a table, without handles, counts and map entries, so that two listings can be compared.
 * Undefined when there is no such table.
 */
export async function listTable(family: Family, table: string): Promise<string | undefined> {
  const printed = await command("nft", ["-j", "list", "table", family, table], { accept: [0, 1] });
  return printed === "" ? undefined : normalised(printed);
}

/** What a table has in it, by name. Nothing where there is no such table. */
export async function namesIn(
  family: Family,
  table: string,
): Promise<Readonly<Record<"chain" | "set", readonly string[]>>> {
  const printed = await command("nft", ["-j", "list", "table", family, table], { accept: [0, 1] });
  if (printed === "") return { chain: [], set: [] };
  const { nftables } = JSON.parse(printed) as {
    nftables: { readonly chain?: { readonly name: string }; readonly set?: { readonly name: string } }[];
  };
  return {
    chain: nftables.flatMap(({ chain }) => (chain ? [chain.name] : [])),
    set: nftables.flatMap(({ set }) => (set ? [set.name] : [])),
  };
}

/**
 * How the kernel would list what the text says: loaded in an empty network namespace that ends with the command, by
 * the very `nft` that lists the real one, since versions differ in what they print.
 */
export async function expectedTable(text: string, family: Family, table: string): Promise<string> {
  const script = 'nft -f - && nft -j list table "$1" "$2"';
  return normalised(
    await command("unshare", ["--net", "sh", "-c", script, "sh", family, table], { input: text }),
  );
}

/**
 * Elements of named sets and maps, and quotas, are the sandboxes' own state; those of sets within a rule are part of the rule. Listed are
 * chains and sets in the order in which they were made, which means nothing; rules of one chain keep theirs.
 */
function normalised(json: string): string {
  const { nftables } = JSON.parse(json) as { nftables: Record<string, unknown>[] };
  const rules = nftables
    .filter((entry) => !("metainfo" in entry) && !("quota" in entry))
    .map((entry) => {
      const [kind = ""] = Object.keys(entry);
      return kind === "set" || kind === "map"
        ? { [kind]: { ...(entry[kind] as object), elem: undefined } }
        : entry;
    })
    .map((entry) => [placeOf(entry), entry] as const)
    .toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
    .map(([, entry]) => entry);
  return JSON.stringify(rules, (key, value: unknown) => {
    if (key === "handle") return undefined;
    return key === "counter" ? {} : value;
  });
}

function placeOf(entry: Record<string, unknown>): string {
  const [kind = "", about] = Object.entries(entry)[0] ?? [];
  const { chain, name } = (about ?? {}) as { chain?: string; name?: string };
  return `${kind} ${chain ?? name ?? ""}`;
}
