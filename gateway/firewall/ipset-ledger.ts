import { command } from "./command.ts";
import type { CapReading } from "./caps.ts";
import { classOfSet, setOf } from "./class-names.ts";
import { SETS, setText } from "./iptables-text.ts";
import type { SandboxSet } from "./rule-model.ts";
import { isSpent, type Account, type Entries, type Ledger, type Move, type Terms } from "./netfilter.ts";

/**
 * The kernel's sets count the bytes of each of their addresses, whatever becomes of the rules: neither a new rule set nor a table
 * that iptables replaces as a whole begins a count anew, as it does with iptables' own quotas.
 */
export class IpsetLedger implements Ledger {
  readonly #table: string;
  /** Names of the classes whose sets may be there. */
  #classes: readonly string[] = [];

  constructor(table: string) {
    this.#table = table;
  }

  async prepare(classes: readonly string[], moves: readonly Move[]): Promise<void> {
    const made = classes.filter((name) => !this.#classes.includes(name)).map((name) => setOf({ name }));
    // Those that are known, too: somebody may have taken away everything.
    await changeSets(classes.map((name) => setText(this.#table, setOf({ name }))).join(""));
    await this.#change([
      // One that was left by an earlier rule set may have anybody in it.
      ...made.map((set) => `flush ${this.#table}-${set}`),
      ...moves.flatMap(({ address, joins, leaves }) => [
        ...this.#joined(address, joins),
        ...leaves.map((name) => this.#gone(setOf({ name }), address)),
      ]),
    ]);
    this.#classes = [...new Set([...this.#classes, ...classes])];
  }

  settle(classes: readonly string[]): void {
    this.#classes = classes;
  }

  /** One line after the other: first it may not pass any more, then it gets another class. */
  admit(address: string, terms: Terms): Promise<void> {
    return this.#change([
      this.#gone("live", address),
      ...this.#inOnly(address, terms.class),
      this.#gone("spent", address),
      ...this.#unused(address),
    ]);
  }

  letOut(address: string): Promise<void> {
    return this.#change([this.#there("live", address)]);
  }

  dismiss(address: string): Promise<void> {
    return this.#change([
      this.#gone("live", address),
      ...this.#inOnly(address, undefined),
      ...SETS.map((set) => this.#gone(set, address)),
    ]);
  }

  async recount(accounts: readonly Account[]): Promise<void> {
    await this.#change(
      accounts.flatMap((account) => [
        ...DIRECTIONS.flatMap((direction) =>
          account.used[direction] === undefined
            ? [`${this.#there(direction, account.address)} packets 0 bytes ${account.caps[direction] + 1}`]
            : [],
        ),
        ...this.#inOnly(account.address, account.class),
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
    const names = await classesOf(this.#table);
    const [limits, found, members] = await Promise.all([
      this.#limits(),
      Promise.all(SETS.map((set) => entriesOf(`${this.#table}-${set}`))),
      Promise.all(names.map((name) => entriesOf(`${this.#table}-${setOf({ name })}`))),
    ]);
    const [up, down, live, spent] = found;
    if (limits.size === 0 || !up || !down || !live || !spent) return undefined;
    const classes = new Map(names.map((name, index) => [name, new Set(members[index]?.keys())] as const));
    const limitOf = (address: string, direction: "up" | "down") => {
      const [own = ""] = [...classes].find(([, addresses]) => addresses.has(address)) ?? [];
      return limits.get(`${direction} ${own}`) ?? 0;
    };
    const readings = (direction: "up" | "down", entries: ReadonlyMap<string, number>): CapReading[] =>
      [...entries].map(([address, used]) => ({
        address,
        direction,
        limit: limitOf(address, direction),
        used,
        spent: spent.has(address),
      }));
    return {
      live: new Set(live.keys()),
      classes,
      caps: [...readings("up", up), ...readings("down", down)],
    };
  }

  /** By direction and class, from the rules in force: who asks may be another process than who made them. */
  async #limits(): Promise<ReadonlyMap<string, number>> {
    const rules = await command("iptables", ["-w", "5", "-t", "mangle", "-S"], { accept: [0, 1] });
    const charges = new RegExp(`^-A ${this.#table}-(up|down)\\.([0-9a-z]+) .*--bytes-gt (\\d+)`, "gm");
    return new Map(
      [...rules.matchAll(charges)].map(([, way = "", name = "", most]) => [`${way} ${name}`, Number(most)]),
    );
  }

  #unused(address: string): string[] {
    return DIRECTIONS.map((direction) => `${this.#there(direction, address)} packets 0 bytes 0`);
  }

  /** At no moment in none that it is to stay in. */
  #inOnly(address: string, wanted: string | undefined): string[] {
    return [
      ...this.#joined(address, wanted),
      ...this.#classes.filter((name) => name !== wanted).map((name) => this.#gone(setOf({ name }), address)),
    ];
  }

  #joined(address: string, name: string | undefined): string[] {
    return name === undefined ? [] : [this.#there(setOf({ name }), address)];
  }

  #there(set: Counting | SandboxSet, address: string): string {
    return `add ${this.#table}-${set} ${address}`;
  }

  #gone(set: Counting | SandboxSet, address: string): string {
    return `del ${this.#table}-${set} ${address}`;
  }

  #change(lines: readonly string[]): Promise<void> {
    return changeSets(lines.map((line) => `${line}\n`).join(""));
  }
}

const DIRECTIONS = ["up", "down"] as const;
type Counting = (typeof DIRECTIONS)[number];

/** What is there already is set anew, what is gone already stays so. */
export async function changeSets(text: string): Promise<void> {
  await command("ipset", ["-exist", "restore"], { input: text });
}

export async function setsOf(table: string): Promise<string[]> {
  const names = await command("ipset", ["list", "-n"]);
  return names.split("\n").filter((name) => name.startsWith(`${table}-`));
}

/** The classes that have a set, by name. */
export async function classesOf(table: string): Promise<string[]> {
  return (await setsOf(table)).flatMap((set) => classOfSet(set.slice(table.length + 1)) ?? []);
}

/** Nobody is in it any more; and it is gone, unless the kernel still lets go of the rule that named it: then another time. */
export async function emptySet(name: string): Promise<void> {
  await command("ipset", ["flush", name]);
  await command("ipset", ["destroy", name], { accept: [0, 1] });
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
