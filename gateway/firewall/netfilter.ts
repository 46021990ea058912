import type { Policy } from "../model/policy.ts";
import type { CapReading, Caps } from "./caps.ts";
import type { Egress } from "./egress.ts";
import type { FencePlan } from "./plan.ts";

export type EngineName = Exclude<Policy["network"]["engine"], "auto">;

/** One of the programs that drive netfilter, and all that we ask of it. Both apply the same rules (rules.ts). */
export interface Netfilter {
  readonly name: EngineName;
  /** Puts the rules in force in an empty network namespace that ends with the call. @throws MitsubakoError as `apply`. */
  rehearse(plan: FencePlan, egress: Egress): Promise<void>;
  /**
   * Puts the whole rule set in force. What lives stays: who may pass, and what was counted.
   *
   * @throws MitsubakoError `firewall-failed`, `tool-missing`: then no sandbox may be started.
   */
  apply(plan: FencePlan, egress: Egress): Promise<void>;
  /** What of the rules is not as it should be, one sentence each. */
  faults(plan: FencePlan, egress: Egress): Promise<string[]>;
  /** Something foreign stands in between that applying does not take away: all rules are taken away, then put in force. */
  rebuild(plan: FencePlan, egress: Egress): Promise<void>;
  /** Takes away all that a slot has, rules and counts. Nothing where the program is missing. */
  remove(slot: number): Promise<void>;
  /** What of a slot is there, one name each. */
  remains(slot: number): Promise<string[]>;
  /** Of a slot's table, by its name. */
  ledger(table: string): Ledger;
  openPaths(plan: FencePlan): Promise<ShownPaths>;
}

/** What the kernel keeps of each sandbox beside the rules. */
export interface Ledger {
  /**
   * Before a rule set is put in force that has other classes: they are there, and sandboxes are in the one that they are to have, beside
   * the one that they have. So each is in one that is right, whichever rules hold.
   */
  prepare(classes: readonly string[], moves: readonly Move[]): Promise<void>;
  /** A rule set with these classes is in force; what was of others is gone. */
  settle(classes: readonly string[]): void;
  /** Nothing used, nothing let out; whatever an earlier holder of the address left is gone. */
  admit(address: string, terms: Terms): Promise<void>;
  letOut(address: string): Promise<void>;
  dismiss(address: string): Promise<void>;
  /** Counts what was used against each one's caps. */
  recount(accounts: readonly Account[]): Promise<void>;
  /** Nothing used, for each of them. */
  renew(addresses: Iterable<string>): Promise<void>;
  /** Undefined where there are no rules. */
  read(): Promise<Entries | undefined>;
}

export interface Move {
  readonly address: string;
  /** Classes, by name. */
  readonly joins: string | undefined;
  readonly leaves: readonly string[];
}

/** What holds for one sandbox. */
export interface Terms {
  readonly caps: Caps;
  /** The name of its class. Undefined: it is in none, and nothing may leave it. */
  readonly class: string | undefined;
}

export interface Account extends Terms {
  readonly address: string;
  /** Whether it may pass. */
  readonly isLive: boolean;
  /** Undefined where the count is lost: then the cap counts as used up, so that it is never exceeded. */
  readonly used: { readonly [Direction in keyof Caps]: number | undefined };
}

export interface Entries {
  readonly live: ReadonlySet<string>;
  /** Who is in which, by the class's name. */
  readonly classes: ReadonlyMap<string, ReadonlySet<string>>;
  readonly caps: readonly CapReading[];
}

export function isSpent({ used, caps }: Account): boolean {
  return (used.up ?? Infinity) > caps.up || (used.down ?? Infinity) > caps.down;
}

/** Who is shown to a sandbox in the gateway's place. */
export interface ShownPaths extends AsyncDisposable {
  /** Resolves when the kernel knows it. @throws MitsubakoError `firewall-failed`, also when that port is taken. */
  add(path: { readonly localPort: number; readonly address: string; readonly port: number }): Promise<void>;
}
