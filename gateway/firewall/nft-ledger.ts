import { command } from "./command.ts";
import type { Caps } from "./caps.ts";
import { classOfSet, ofClass, setOf } from "./class-names.ts";
import { isSpent, type Account, type Entries, type Ledger, type Move, type Terms } from "./netfilter.ts";
import { CLASS_SET, RATES, setsText } from "./nft-text.ts";
import { applyRules, namesIn } from "./nft.ts";
import type { SandboxSet } from "./rule-model.ts";

/** Quotas are objects with names, and a map says whose is which. */
export class NftLedger implements Ledger {
  readonly #table: string;
  /** Names of the classes whose sets may be there. */
  #classes: readonly string[] = [];

  constructor(table: string) {
    this.#table = table;
  }

  async prepare(classes: readonly string[], moves: readonly Move[]): Promise<void> {
    const made = classes.filter((name) => !this.#classes.includes(name)).map((name) => setOf({ name }));
    // Those that are known, too: somebody may have taken away everything.
    const sets = setsText(Object.fromEntries(classes.map((name) => [setOf({ name }), CLASS_SET])));
    await applyRules(
      [
        `table inet ${this.#table} {\n${sets}\n}\n`,
        // One that was left by an earlier rule set may have anybody in it.
        ...made.map((set) => `flush set inet ${this.#table} ${set}\n`),
        ...moves.flatMap(({ address, joins, leaves }) => [
          this.#classText(address, joins),
          ...leaves.map((name) => this.#goneText(setOf({ name }), address)),
        ]),
      ].join(""),
    );
    this.#classes = [...new Set([...this.#classes, ...classes])];
  }

  settle(classes: readonly string[]): void {
    this.#classes = classes;
  }

  admit(address: string, terms: Terms): Promise<void> {
    return applyRules(
      this.#dismissText(address) +
        this.#quotasText(address, terms.caps) +
        this.#classText(address, terms.class),
    );
  }

  letOut(address: string): Promise<void> {
    return applyRules(this.#addText("live", address));
  }

  dismiss(address: string): Promise<void> {
    return applyRules(this.#dismissText(address));
  }

  async recount(accounts: readonly Account[]): Promise<void> {
    const texts = accounts.map((account) => {
      const { address, used, isLive, caps } = account;
      const counted = { up: used.up ?? caps.up + 1, down: used.down ?? caps.down + 1 };
      return [
        this.#dismissText(address),
        this.#quotasText(address, caps, counted),
        this.#classText(address, account.class),
        ...(isSpent(account) ? [this.#addText("spent", address)] : []),
        ...(isLive ? [this.#addText("live", address)] : []),
      ].join("");
    });
    const found = new Set((await namesIn("inet", this.#table)).set);
    // A class has those that its rules ask for.
    const rates = this.#classes.flatMap((name) => RATES.map((word) => ofClass(word, { name })));
    const flushes = rates
      .filter((rate) => found.has(rate))
      .map((rate) => `flush set inet ${this.#table} ${rate}\n`);
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
    const sets = new Map(
      nftables.flatMap(({ set }) => (set === undefined ? [] : [[set.name, addressesIn(set)] as const])),
    );
    const spent = sets.get("spent") ?? new Set();
    // A quota that no map names counts nothing.
    const inForce = new Set(nftables.flatMap(({ map }) => (map?.elem ?? []).map(quotaIn)));
    return {
      live: sets.get("live") ?? new Set(),
      classes: new Map(
        [...sets].flatMap(([set, addresses]) => {
          const name = classOfSet(set);
          return name === undefined ? [] : [[name, addresses] as const];
        }),
      ),
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

  /** It is added first, since nft refuses to delete what is not there. */
  #goneText(set: SandboxSet, address: string): string {
    return `${this.#addText(set, address)}delete element inet ${this.#table} ${set} { ${address} }\n`;
  }

  #classText(address: string, name: string | undefined): string {
    return name === undefined ? "" : this.#addText(setOf({ name }), address);
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

  #dismissText(address: string): string {
    return [
      this.#goneText("live", address),
      this.#goneText("spent", address),
      ...this.#classes.map((name) => this.#goneText(setOf({ name }), address)),
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
  readonly set?: ListedSet;
  readonly map?: { readonly name: string; readonly elem?: readonly unknown[] };
  readonly quota?: { readonly name: string; readonly bytes: number; readonly used?: number };
}

interface ListedSet {
  readonly name: string;
  readonly elem?: readonly unknown[];
}

function addressesIn({ elem = [] }: ListedSet): Set<string> {
  return new Set(elem.flatMap((each) => (typeof each === "string" ? [each] : addressOf(each))));
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
