import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Flows, LOG_WAIT, type LedAway } from "../../gateway/outpost/flows.ts";

const BOX = "10.213.0.2";

function ledAway(from: number, address = "1.2.3.4", sandbox = BOX): LedAway {
  return { rule: "sinkhole", sandbox, protocol: "tcp", from, to: { address, port: 443 }, mac: undefined };
}

function flows(): { flows: Flows; never: LedAway[]; pass: (ms: number) => void } {
  let now = 1_000_000;
  const never: LedAway[] = [];
  const made = new Flows(
    (flow) => never.push(flow),
    () => now,
  );
  return {
    flows: made,
    never,
    pass: (ms) => {
      now += ms;
      made.tick();
    },
  };
}

describe("which connection was for whom", () => {
  it("whether the log comes first or the connection", async () => {
    const { flows: known, never, pass } = flows();
    known.logged(ledAway(1));
    assert.deepEqual(await known.claim(BOX, "tcp", 1), ledAway(1));
    const early = known.claim(BOX, "tcp", 2);
    known.logged(ledAway(2));
    assert.deepEqual(await early, ledAway(2));
    pass(10_000);
    assert.deepEqual(never, []);
  });

  it("without a log it is unknown after a moment, and a late log tells nothing a second time", async () => {
    const { flows: known, never, pass } = flows();
    const started = performance.now();
    assert.equal(await known.claim(BOX, "tcp", 1), undefined);
    const waited = performance.now() - started;
    assert.ok(waited >= LOG_WAIT - 20 && waited < LOG_WAIT + 5000, `${waited} ms`);
    known.logged(ledAway(1));
    pass(10_000);
    assert.deepEqual(never, []);
  });

  it("what no listener ever sees is told by the log: once, whatever is sent again", () => {
    const { flows: known, never, pass } = flows();
    known.logged(ledAway(1));
    pass(1000);
    known.logged(ledAway(1));
    pass(1000);
    assert.deepEqual(never, [ledAway(1)]);
    known.logged(ledAway(1));
    pass(10_000);
    assert.equal(never.length, 1);
  });

  it("a scan from one port: each address is told", () => {
    const { flows: known, never, pass } = flows();
    for (let host = 1; host <= 5; host++) known.logged(ledAway(1, `1.2.3.${host}`));
    pass(2000);
    assert.deepEqual(
      never.map(({ to }) => to.address),
      ["1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.3.4", "1.2.3.5"],
    );
  });

  it("a port that is used again is another connection", async () => {
    const { flows: known } = flows();
    known.logged(ledAway(1));
    await known.claim(BOX, "tcp", 1);
    known.release(BOX, "tcp", 1);
    const next = known.claim(BOX, "tcp", 1);
    known.logged(ledAway(1, "5.6.7.8"));
    assert.equal((await next)?.to.address, "5.6.7.8");
  });

  it("a flood pushes out only what is its own, and nothing of it goes unsaid", () => {
    const { flows: known, never, pass } = flows();
    known.logged(ledAway(7, "9.9.9.9", "10.213.0.3"));
    for (let from = 0; from < 5000; from++) known.logged(ledAway(from));
    assert.equal(known.find("10.213.0.3", "tcp", 7)?.to.address, "9.9.9.9");
    assert.equal(known.find(BOX, "tcp", 0), undefined);
    pass(2000);
    assert.equal(never.length, 5001);
  });

  it("is forgotten in time", () => {
    const { flows: known, pass } = flows();
    known.logged(ledAway(1));
    pass(100_000);
    assert.ok(known.find(BOX, "tcp", 1));
    pass(60_000);
    assert.equal(known.find(BOX, "tcp", 1), undefined);
  });
});
