import { command } from "./command.ts";
import type { Caps } from "./caps.ts";
import { isSpent, type Account, type Entries, type Ledger, type Terms } from "./netfilter.ts";
import { RATE_SETS } from "./nft-text.ts";
import { applyRules } from "./nft.ts";
import type { SandboxSet } from "./rule-model.ts";

/** Quotas are objects with names, and a map says whose is which. */
export class NftLedger implements Ledger {
  readonly #table: string;

  constructor(table: string) {
    this.#table = table;
  }

  admit(address: string, { caps, isShut }: Terms): Promise<void> {
    const shut = isShut ? this.#addText("shut", address) : "";
    return applyRules(this.#dismissText(address) + this.#quotasText(address, caps) + shut);
  }

  letOut(address: string): Promise<void> {
    return applyRules(this.#addText("live", address));
  }

  dismiss(address: string): Promise<void> {
    return applyRules(this.#dismissText(address));
  }

  async recount(accounts: readonly Account[]): Promise<void> {
    const texts = accounts.map((account) => {
      const { address, used, isLive, isShut, caps } = account;
      const counted = { up: used.up ?? caps.up + 1, down: used.down ?? caps.down + 1 };
      return [
        this.#dismissText(address),
        this.#quotasText(address, caps, counted),
        ...(isShut ? [this.#addText("shut", address)] : []),
        ...(isSpent(account) ? [this.#addText("spent", address)] : []),
        ...(isLive ? [this.#addText("live", address)] : []),
      ].join("");
    });
    const flushes = RATE_SETS.map((name) => `flush set inet ${this.#table} ${name}\n`);
    await applyRules([...texts, ...flushes].join(""));
  }

  async renew(addresses: Iterable<string>): Promise<void> {
    for (const address of addresses)
      for (const direction of DIRECTIONS)
        await command("nft", ["reset", "quota", "inet", this.#table, quotaName(direction, address)]);
    await applyRules(`flush set inet ${this.#table} spent\n`);
  }

  async read(): Promise<Entries | undefined> {
    const printed = await command("nft", ["-j", "list", "table", "inet", this.#table], { accept: [0, 1] });
    if (printed === "") return undefined;
    const { nftables } = JSON.parse(printed) as { nftables: Listed[] };
    const addressesIn = (name: string) =>
      new Set(
        nftables.flatMap((entry) =>
          entry.set?.name === name
            ? (entry.set.elem ?? []).flatMap((element) =>
                typeof element === "string" ? [element] : addressOf(element),
              )
            : [],
        ),
      );
    const spent = addressesIn("spent");
    // A quota that no map names counts nothing.
    const inForce = new Set(nftables.flatMap(({ map }) => (map?.elem ?? []).map(quotaIn)));
    return {
      live: addressesIn("live"),
      shut: addressesIn("shut"),
      caps: nftables.flatMap(({ quota }) => {
        const parsed = quota && inForce.has(quota.name) && /^(up|down)_(.+)$/.exec(quota.name);
        if (!quota || !parsed) return [];
        const address = (parsed[2] ?? "").replaceAll("_", ".");
        return [
          {
            address,
            direction: parsed[1] as "up" | "down",
            limit: quota.bytes,
            used: quota.used ?? 0,
            spent: spent.has(address),
          },
        ];
      }),
    };
  }

  #addText(set: SandboxSet, address: string): string {
    return `add element inet ${this.#table} ${set} { ${address} }\n`;
  }

  /**
   * Quotas, in one transaction with the maps that name them. `used`: what was used before; the kernel takes no more than the cap
   * itself, which the next packet then exceeds.
   */
  #quotasText(address: string, caps: Caps, used: Caps = NOTHING): string {
    return DIRECTIONS.map((direction) => {
      const name = quotaName(direction, address);
      const bytes = `over ${caps[direction]} bytes used ${Math.min(used[direction], caps[direction])} bytes`;
      return `add quota inet ${this.#table} ${name} { ${bytes} }
add element inet ${this.#table} ${direction} { ${address} : "${name}" }
`;
    }).join("");
  }

  /** Each is added first, since nft refuses to delete what is not there. */
  #dismissText(address: string): string {
    const gone = (set: SandboxSet) =>
      `${this.#addText(set, address)}delete element inet ${this.#table} ${set} { ${address} }\n`;
    return [
      gone("live"),
      gone("spent"),
      gone("shut"),
      this.#quotasText(address, { up: 1, down: 1 }),
      ...DIRECTIONS.map(
        (direction) => `delete element inet ${this.#table} ${direction} { ${address} }
delete quota inet ${this.#table} ${quotaName(direction, address)}
`,
      ),
    ].join("");
  }
}

const DIRECTIONS = ["up", "down"] as const;
const NOTHING: Caps = { up: 0, down: 0 };

interface Listed {
  readonly set?: { readonly name: string; readonly elem?: readonly unknown[] };
  readonly map?: { readonly name: string; readonly elem?: readonly unknown[] };
  readonly quota?: { readonly name: string; readonly bytes: number; readonly used?: number };
}

function addressOf(element: unknown): string[] {
  const { elem } = element as { elem?: { val?: unknown } };
  return typeof elem?.val === "string" ? [elem.val] : [];
}

/** A map's element is `[address, quota]`. */
function quotaIn(element: unknown): unknown {
  return Array.isArray(element) ? element[1] : undefined;
}

function quotaName(direction: "up" | "down", address: string): string {
  return `${direction}_${address.replaceAll(".", "_")}`;
}
