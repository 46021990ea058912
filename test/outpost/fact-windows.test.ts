import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ByteString } from "../../gateway/model/bytes.ts";
import type { NetworkFact } from "../../gateway/model/network-facts.ts";
import { FactWindows, MOST_DISTINCT, WINDOW } from "../../gateway/outpost/fact-windows.ts";
import type { Who } from "../../gateway/outpost/teller.ts";

const BOX: Who = { sandbox: "10.213.0.2", mac: undefined };

function windows(): {
  taken: FactWindows;
  told: { fact: NetworkFact; who: Who }[];
  pass: (ms: number) => void;
} {
  let now = 1_000_000;
  const told: { fact: NetworkFact; who: Who }[] = [];
  const taken = new FactWindows({ tell: (fact, who) => told.push({ fact, who }), now: () => now });
  return {
    taken,
    told,
    pass: (ms) => {
      now += ms;
      taken.tick();
    },
  };
}

function factTo(address: string, more: Partial<NetworkFact> = {}): NetworkFact {
  return {
    kind: "network",
    rule: "egress",
    protocol: "tcp",
    from: 40000,
    to: { address, port: 80 },
    count: 1,
    ...more,
  };
}

const total = (told: readonly { fact: NetworkFact }[]) => told.reduce((sum, { fact }) => sum + fact.count, 0);

describe("facts that are counted", () => {
  it("the first of equal ones is told at once, the others at the window's end as one", () => {
    const { taken, told, pass } = windows();
    for (let from = 40000; from < 40050; from++) taken.take(factTo("1.2.3.4", { from }), BOX);
    assert.deepEqual(told, [{ fact: factTo("1.2.3.4"), who: BOX }]);
    pass(WINDOW - 1);
    assert.equal(told.length, 1);
    pass(1);
    assert.deepEqual(told[1], { fact: factTo("1.2.3.4", { count: 49 }), who: BOX });
    taken.take(factTo("1.2.3.4"), BOX);
    assert.equal(told.length, 3);
  });

  it("one that stays alone is told once", () => {
    const { taken, told, pass } = windows();
    taken.take(factTo("1.2.3.4"), BOX);
    pass(WINDOW * 3);
    assert.equal(told.length, 1);
  });

  it("another address, port, rule, protocol, name or first bytes make another fact; other sandboxes have their own", () => {
    const { taken, told } = windows();
    const bytes = (text: string) => text as ByteString;
    const facts = [
      factTo("1.2.3.4"),
      factTo("1.2.3.5"),
      factTo("1.2.3.4", { to: { address: "1.2.3.4", port: 81 } }),
      factTo("1.2.3.4", { rule: "rate" }),
      factTo("1.2.3.4", { protocol: "udp" }),
      factTo("1.2.3.4", { name: bytes("a") }),
      factTo("1.2.3.4", { data: bytes("a"), size: 1 }),
      factTo("1.2.3.4", { data: bytes("b"), size: 1 }),
    ];
    for (const fact of [...facts, ...facts]) taken.take(fact, BOX);
    assert.equal(told.length, facts.length);
    taken.take(facts[0] ?? factTo("x"), { sandbox: "10.213.0.3", mac: undefined });
    assert.equal(told.length, facts.length + 1);
  });

  it("a sandbox that scans has so many told, and the rest counted by rule with the last address", () => {
    const { taken, told, pass } = windows();
    for (let host = 0; host < 250; host++) {
      taken.take(factTo(`1.2.3.${host}`, { data: "x" as ByteString, size: 1 }), BOX);
      taken.take(factTo(`1.2.4.${host}`, { rule: "bot" }), BOX);
    }
    assert.equal(told.length, MOST_DISTINCT);
    pass(WINDOW);
    assert.deepEqual(
      told.slice(MOST_DISTINCT).map(({ fact }) => fact),
      [factTo("1.2.3.249", { count: 240 }), factTo("1.2.4.249", { rule: "bot", count: 240 })],
    );
    assert.equal(total(told), 500);
  });

  it("whatever comes, the counts add up, and what is told and kept stays small", () => {
    const { taken, told, pass } = windows();
    const before = process.memoryUsage().heapUsed;
    const packets = 100_000;
    for (let count = 0; count < packets; count++) {
      const liar = count % 2 === 0;
      const octets = `${(count >> 16) & 255}.${(count >> 8) & 255}.${count & 255}`;
      const mac = [...octets.split("."), "1", "2", "3"].map((part) => Number(part).toString(16)).join(":");
      taken.take(
        factTo(`1.${octets}`),
        liar ? { sandbox: undefined, mac } : { sandbox: `10.${octets}`, mac: undefined },
      );
    }
    const grown = process.memoryUsage().heapUsed - before;
    const atOnce = told.length;
    pass(WINDOW);
    assert.equal(total(told), packets);
    // One fact from each of 1,024 sandboxes and 64 liars (plus a place for all others), and one for the rest of all of these.
    assert.ok(atOnce < 1024 + 65 + MOST_DISTINCT + 2048 * 3, `${atOnce} told at once`);
    assert.ok(told.length < 50_000, `${told.length} told`);
    assert.ok(grown < 64 * 2 ** 20, `${Math.round(grown / 2 ** 20)} MiB`);
  });

  it("nothing that was counted is lost when it ends, and a clock that is set back does not hold it up", () => {
    const { taken, told, pass } = windows();
    for (let count = 0; count < 3; count++) taken.take(factTo("1.2.3.4"), BOX);
    pass(-WINDOW);
    assert.equal(total(told), 3);
    taken.take(factTo("1.2.3.4"), BOX);
    taken.take(factTo("1.2.3.4"), BOX);
    taken.flush();
    assert.equal(total(told), 5);
  });
});
