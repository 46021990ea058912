/** Which classes sandboxes are in while rules change, and when changes fail half-way. */
import assert from "node:assert/strict";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { test } from "node:test";
import { classNameOf } from "../../gateway/firewall/egress.ts";
import type { Caps } from "../../gateway/firewall/caps.ts";
import type { Account, Entries, Ledger, Move, Terms } from "../../gateway/firewall/netfilter.ts";
import { fencePlan } from "../../gateway/firewall/plan.ts";
import { Residents } from "../../gateway/firewall/residents.ts";
import { parseSubnet } from "../../gateway/firewall/subnet.ts";
import { policySchema, type Policy } from "../../gateway/model/policy.ts";
import { Random } from "../policy/random.ts";

const PLAN = fencePlan(3, parseSubnet("10.203.0.0/20"));
const BOXES = ["10.203.0.9", "10.203.0.10"];
const networkWith = (connections: number): Policy["network"] =>
  policySchema.parse({ network: { egress: "limited", connections } }).network;
const NETWORKS = [networkWith(1), ...[2, 3, 4, 5].map(networkWith)] as const;

/** Keeps what the kernel would. A set that is not there refuses. */
class Kept implements Ledger {
  readonly sets = new Map<string, Set<string>>();
  readonly caps = new Map<string, Caps>();
  #known: readonly string[] = [];
  fails = false;

  prepare(classes: readonly string[], moves: readonly Move[]): Promise<void> {
    for (const name of classes) if (!this.#known.includes(name)) this.sets.set(name, new Set());
    if (this.fails) return Promise.reject(new Error("refused"));
    for (const { address, joins, leaves } of moves) {
      if (joins !== undefined) this.#set(joins).add(address);
      for (const name of leaves) this.#set(name).delete(address);
    }
    this.#known = [...new Set([...this.#known, ...classes])];
    return Promise.resolve();
  }

  settle(classes: readonly string[]): void {
    this.#known = classes;
    for (const name of this.sets.keys()) if (!classes.includes(name)) this.sets.delete(name);
    for (const name of classes) if (!this.sets.has(name)) this.sets.set(name, new Set());
  }

  admit(address: string, terms: Terms): Promise<void> {
    for (const set of this.sets.values()) set.delete(address);
    if (terms.class !== undefined) this.#set(terms.class).add(address);
    this.caps.set(address, terms.caps);
    return Promise.resolve();
  }

  recount(accounts: readonly Account[]): Promise<void> {
    if (this.fails) return Promise.reject(new Error("refused"));
    for (const account of accounts) void this.admit(account.address, account);
    return Promise.resolve();
  }

  read(): Promise<Entries> {
    const caps = [...this.caps].flatMap(([address, { up, down }]) => [
      { address, direction: "up" as const, limit: up, used: 7, spent: false },
      { address, direction: "down" as const, limit: down, used: 7, spent: false },
    ]);
    return Promise.resolve({ live: new Set<string>(), classes: this.sets, caps });
  }

  letOut = () => Promise.resolve();
  dismiss = () => Promise.resolve();
  renew = () => Promise.resolve();

  of(address: string): string[] {
    return [...this.sets].flatMap(([name, members]) => (members.has(address) ? [name] : []));
  }

  #set(name: string): Set<string> {
    const set = this.sets.get(name);
    if (!set) throw new Error(`no set ${name}`);
    return set;
  }
}

test("a sandbox is in the class that it had, or in the one that it is to have, however many changes fail", async () => {
  let failed = 0;
  for (let seed = 0; seed < 300; seed++) {
    const random = new Random(seed);
    const ledger = new Kept();
    let policy: Policy["network"] = random.pick(NETWORKS);
    const residents = new Residents(PLAN, ledger, () => policy, [classNameOf(policy)]);
    for (const address of BOXES) await residents.admit(address);
    /** What each has by the rules in force. */
    let settled = classNameOf(policy);
    for (let turn = 0; turn < 8; turn++) {
      policy = random.pick(NETWORKS);
      const wanted = classNameOf(policy);
      const classes = [wanted, ...NETWORKS.filter(() => random.below(2) === 0).map(classNameOf)];
      const fails = random.pick(["prepare", "apply", "recount", "no"]);
      ledger.fails = fails === "prepare";
      const holdsTo = (when: string) => {
        for (const address of BOXES)
          for (const name of ledger.of(address))
            assert.ok(name === settled || name === wanted, `seed ${seed}, turn ${turn}, ${when}`);
      };
      try {
        await residents.change([...new Set(classes)], () => {
          holdsTo("about to apply");
          for (const address of BOXES)
            for (const name of [settled, wanted])
              assert.ok(ledger.of(address).includes(name), `seed ${seed}, turn ${turn}: shut meanwhile`);
          return fails === "apply" ? Promise.reject(new Error("refused")) : Promise.resolve();
        });
        holdsTo("applied");
        settled = wanted;
        ledger.fails = fails === "recount";
        await residents.recount();
        for (const address of BOXES) assert.deepEqual(ledger.of(address), [wanted]);
      } catch (error) {
        if (!(error instanceof Error && error.message === "refused")) throw error;
        failed++;
      }
    }
  }
  assert.ok(failed > 500);
});

test("who is admitted while the rules do not know its policy yet is in no class until they do", async () => {
  const [first, second] = NETWORKS;
  assert.ok(second);
  const ledger = new Kept();
  let policy = first;
  const residents = new Residents(PLAN, ledger, () => policy, [classNameOf(first)]);
  policy = second;
  const [box = ""] = BOXES;
  await residents.admit(box);
  assert.deepEqual(ledger.of(box), []);
  await residents.change([classNameOf(second)], () => Promise.resolve());
  await residents.recount();
  assert.deepEqual(ledger.of(box), [classNameOf(second)]);
});

test("whose caps a change that failed left behind gets the new ones when the rules are put right", async () => {
  const withCap = (down: string): Policy["network"] =>
    policySchema.parse({ network: { egress: "limited", caps: { down } } }).network;
  for (const fails of ["prepare", "apply", "recount"]) {
    const ledger = new Kept();
    let policy = withCap("1 GiB");
    const residents = new Residents(PLAN, ledger, () => policy, [classNameOf(policy)]);
    for (const address of BOXES) await residents.admit(address);
    policy = withCap("5 MiB");
    const putInForce = (apply: () => Promise<void>) => residents.change([classNameOf(policy)], apply);
    const refused = () => Promise.reject(new Error("refused"));

    residents.policyChanged();
    ledger.fails = fails === "prepare";
    await putInForce(fails === "apply" ? refused : () => Promise.resolve()).catch(() => undefined);
    ledger.fails = fails === "recount";
    if (fails === "recount") await assert.rejects(residents.recount(), /refused/);
    ledger.fails = false;
    const fault = /not counted against the policy's caps yet/;
    assert.match((await residents.faults()).join("\n"), fault, fails);

    await putInForce(() => Promise.resolve());
    await residents.restore();
    for (const address of BOXES) assert.equal(ledger.caps.get(address)?.down, 5 * 2 ** 20, fails);
    assert.doesNotMatch((await residents.faults()).join("\n"), fault, fails);
  }
});

test("a port that goes while it is armed anew is passed over, and one that stays is not", async () => {
  const ledger = new Kept();
  const [network] = NETWORKS;
  // Nothing but its folder below /sys tells that a port is there; this one can go.
  const folder = mkdtempSync(join(tmpdir(), "port-"));
  let arm = () => Promise.resolve();
  const residents = new Residents(
    PLAN,
    ledger,
    () => network,
    [classNameOf(network)],
    () => arm(),
  );
  const [address = ""] = BOXES;
  await residents.admit(address);
  await residents.letOut({
    address,
    port: relative("/sys/class/net", folder),
    mac: "02:00:00:00:00:01",
  });
  arm = () => Promise.reject(new Error("no such device"));
  await assert.rejects(residents.recount(), /no such device/);
  let armed = 0;
  arm = () => {
    armed++;
    rmdirSync(folder);
    return Promise.reject(new Error("no such device"));
  };
  await residents.recount();
  assert.equal(armed, 1);
});
