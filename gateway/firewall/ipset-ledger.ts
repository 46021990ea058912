import { command } from "./command.ts";
import type { CapReading, Caps } from "./caps.ts";
import { CHARGES, SETS } from "./iptables-text.ts";
import { isSpent, type Account, type Entries, type Ledger, type Terms } from "./netfilter.ts";

/**
 * The kernel's sets count the bytes of each of their addresses, whatever becomes of the rules: neither a new rule set nor a table
 * that iptables replaces as a whole begins a count anew, as it does with iptables' own quotas.
 */
export class IpsetLedger implements Ledger {
  readonly #table: string;

  constructor(table: string) {
    this.#table = table;
  }

  admit(address: string, { isShut }: Terms): Promise<void> {
    return this.#change([
      (isShut ? this.#there : this.#gone).call(this, "shut", address),
      this.#gone("live", address),
      this.#gone("spent", address),
      ...this.#unused(address),
    ]);
  }

  letOut(address: string): Promise<void> {
    return this.#change([this.#there("live", address)]);
  }

  dismiss(address: string): Promise<void> {
    return this.#change(SETS.map((set) => this.#gone(set, address)));
  }

  async recount(accounts: readonly Account[]): Promise<void> {
    await this.#change(
      accounts.flatMap((account) => [
        ...DIRECTIONS.flatMap((direction) =>
          account.used[direction] === undefined
            ? [`${this.#there(direction, account.address)} packets 0 bytes ${account.caps[direction] + 1}`]
            : [],
        ),
        (account.isShut ? this.#there : this.#gone).call(this, "shut", account.address),
        (isSpent(account) ? this.#there : this.#gone).call(this, "spent", account.address),
        (account.isLive ? this.#there : this.#gone).call(this, "live", account.address),
      ]),
    );
  }

  renew(addresses: Iterable<string>): Promise<void> {
    return this.#change([
      ...[...addresses].flatMap((address) => this.#unused(address)),
      `flush ${this.#table}-spent`,
    ]);
  }

  async read(): Promise<Entries | undefined> {
    const limits = await this.#limits();
    if (!limits) return undefined;
    const [up, down, live, spent, shut] = await Promise.all(
      SETS.map((set) => entriesOf(`${this.#table}-${set}`)),
    );
    if (!up || !down || !live || !spent || !shut) return undefined;
    const readings = (direction: "up" | "down", entries: ReadonlyMap<string, number>): CapReading[] =>
      [...entries].map(([address, used]) => ({
        address,
        direction,
        limit: limits[direction],
        used,
        spent: spent.has(address),
      }));
    return {
      live: new Set(live.keys()),
      shut: new Set(shut.keys()),
      caps: [...readings("up", up), ...readings("down", down)],
    };
  }

  /** From the rules in force: who asks may be another process than who made them. */
  async #limits(): Promise<Caps | undefined> {
    const limitOf = async (direction: "up" | "down") => {
      const list = ["-w", "5", "-t", "mangle", "-S", `${this.#table}-${CHARGES[direction]}`];
      const shown = await command("iptables", list, { accept: [0, 1] });
      const [, limit] = /--bytes-gt (\d+)/.exec(shown) ?? [];
      return limit === undefined ? undefined : Number(limit);
    };
    const [up, down] = await Promise.all([limitOf("up"), limitOf("down")]);
    return up === undefined || down === undefined ? undefined : { up, down };
  }

  #unused(address: string): string[] {
    return DIRECTIONS.map((direction) => `${this.#there(direction, address)} packets 0 bytes 0`);
  }

  #there(set: (typeof SETS)[number], address: string): string {
    return `add ${this.#table}-${set} ${address}`;
  }

  #gone(set: (typeof SETS)[number], address: string): string {
    return `del ${this.#table}-${set} ${address}`;
  }

  #change(lines: readonly string[]): Promise<void> {
    return changeSets(lines.map((line) => `${line}\n`).join(""));
  }
}

const DIRECTIONS = ["up", "down"] as const;

/** What is there already is set anew, what is gone already stays so. */
export async function changeSets(text: string): Promise<void> {
  await command("ipset", ["-exist", "restore"], { input: text });
}

export async function setsOf(table: string): Promise<string[]> {
  const names = await command("ipset", ["list", "-n"]);
  return names.split("\n").filter((name) => name.startsWith(`${table}-`));
}

/** Only when no rule asks for them any more. */
export async function removeSet(name: string): Promise<void> {
  await command("ipset", ["destroy", name]);
}

/** Addresses with their bytes, 0 where none are counted. Undefined where there is no such set. */
async function entriesOf(set: string): Promise<Map<string, number> | undefined> {
  const printed = await command("ipset", ["save", set], { accept: [0, 1] });
  if (printed === "") return undefined;
  return new Map(
    [...printed.matchAll(/^add \S+ (\S+)(?:.* bytes (\d+))?/gm)].map(([, address = "", bytes = "0"]) => [
      address,
      Number(bytes),
    ]),
  );
}
