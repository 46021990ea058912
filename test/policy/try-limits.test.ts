import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NOTHING_KNOWN } from "../../gateway/policy/address-files.ts";
import { resolve } from "../../gateway/policy/resolve.ts";
import { Agenda } from "../../gateway/policy/try/agenda.ts";
import type { Limit } from "../../gateway/policy/try/limits.ts";
import type { Outcome } from "../../gateway/policy/try/outcome.ts";
import { replayUnder } from "../../gateway/policy/try/replay.ts";
import { came, FIRST, SECOND, type Come } from "./came.ts";
import { policyOf } from "./policy-of.ts";
import { Random } from "./random.ts";

const under = (yaml: string, ...sessions: Come[]) =>
  replayUnder(policyOf(yaml), sessions.map(came), { fences: ["10.0.0.0/8"] });

/** `source second`, of the examples. */
const met = ({ limits }: Outcome, limit: Limit) =>
  limits[limit].examples.map(({ source, at }) => `${source} ${(at - FIRST) / SECOND}`);

const inside = (more: Partial<Come>): Come => ({ tries: ["root x"], isIn: true, lasts: 1000, ...more });

describe("deadlines and caps of recorded sessions", () => {
  test("an idle session ends where its first long pause was, whatever comes later", () => {
    const pauses = [
      [10, 20],
      [50, 120],
      [300, 400],
    ] as const;
    const outcome = (idle: string) => under(`deadlines: {idle: ${idle}}`, inside({ pauses }));
    assert.deepEqual(met(outcome("15s"), "deadlines.idle"), ["203.0.113.7 25"]);
    assert.deepEqual(met(outcome("2m"), "deadlines.idle"), ["203.0.113.7 170"]);
    assert.deepEqual(met(outcome("121s"), "deadlines.idle"), ["203.0.113.7 421"]);
    assert.deepEqual(met(outcome("401s"), "deadlines.idle"), []);
  });

  test("only the first of what would end a session is met", () => {
    const yaml = "deadlines: {idle: 1m, session: 2m}\nsandbox: {life: 100s}\nlimits: {recordingSize: 1m}\n";
    const outcome = under(
      yaml,
      inside({ from: "192.0.2.1", pauses: [[20, 70]] }),
      inside({ from: "192.0.2.2", pauses: [[50, 500]] }),
      inside({
        from: "192.0.2.3",
        bytes: 2 ** 22,
        growth: [
          [30, 2 ** 19],
          [70, 2 ** 21],
        ],
      }),
    );
    assert.deepEqual(met(outcome, "deadlines.idle"), ["192.0.2.1 80"]);
    assert.deepEqual(met(outcome, "sandbox.life"), ["192.0.2.2 101"]);
    assert.deepEqual(met(outcome, "limits.recordingSize"), ["192.0.2.3 70"]);
    assert.deepEqual(met(outcome, "deadlines.session"), []);
  });

  test("a session that its own time cut is counted, unless the policy cuts it too", () => {
    const cut = (idle: string) =>
      under(`deadlines: {idle: ${idle}}`, inside({ end: "idle-deadline", pauses: [[10, 60]] })).cutThen;
    assert.deepEqual([cut("30s"), cut("5m")], [0, 1]);
  });

  test("connections that are not logged in yet, beyond what is certain to be dropped", () => {
    const four = [1, 2, 3, 4].map((last) => ({ from: `192.0.2.${last}`, tries: ["a b"], lasts: 60 }));
    const yaml = "auth: {otherwise: reject}\nlimits: {starts: '1:30:3'}\n";
    assert.deepEqual(met(under(yaml, ...four), "limits.starts"), ["192.0.2.4 0"]);
    // Those that are in do not count.
    assert.deepEqual(
      met(under("limits: {starts: '1:30:3'}", ...four.map((one, at) => ({ ...one, at }))), "limits.starts"),
      [],
    );
  });
});

describe("what sandboxes turned to", () => {
  const each = (count: number, more: object = {}) =>
    Array.from({ length: count }, (_, index) => ({ after: 10 + index * 2, ...more }));

  test("rates are those of the sandbox, and fill up again", () => {
    const yaml = "network: {egress: limited, rates: {tcp: 3/minute, udp: 1/hour, icmp: 1/day}}";
    const outcome = under(
      yaml,
      inside({ from: "192.0.2.1", connects: each(4) }),
      // One every 20 seconds is what the rate gives.
      inside({
        from: "192.0.2.2",
        connects: each(8).map((one, index) => ({ ...one, after: 10 + index * 20 })),
      }),
      inside({ from: "192.0.2.3", connects: each(2, { protocol: "udp", port: 123 }) }),
      inside({ from: "192.0.2.4", connects: each(1, { protocol: "icmp", port: 0, tries: 2 }) }),
    );
    assert.deepEqual(met(outcome, "network.rates.tcp"), ["192.0.2.1 16"]);
    assert.deepEqual(met(outcome, "network.rates.udp"), ["192.0.2.3 12"]);
    assert.deepEqual(met(outcome, "network.rates.icmp"), ["192.0.2.4 10"]);
    // Two sessions in one sandbox share them.
    const shared = under(
      yaml,
      inside({ connects: each(2) }),
      inside({ connects: each(2, { address: "198.51.100.1" }) }),
    );
    assert.equal(shared.limits["network.rates.tcp"].count, 1);
    const apart = under(
      `${yaml}\nsandbox: {mode: fresh}`,
      inside({ connects: each(2) }),
      inside({ connects: each(2) }),
    );
    assert.equal(apart.limits["network.rates.tcp"].count, 0);
  });

  test("bytes that were counted meet caps both ways, where what was let out would go the same way", () => {
    const MIB = 2 ** 20;
    const bytes = (up: number, down: number, isAtLeast = false) => ({ up, down, isAtLeast });
    const out = each(1, { rule: "limited" as const });
    const caps = (all: string, ...sessions: Come[]) =>
      under(`network: {egress: limited, ${all}}`, ...sessions);
    const small = "caps: {up: 1m, down: 2m}";
    const outcome = caps(
      small,
      inside({ from: "192.0.2.1", connects: out, traffic: bytes(MIB, 2 * MIB) }),
      inside({ from: "192.0.2.2", connects: out, traffic: bytes(MIB + 1, 3 * MIB, true) }),
      inside({ from: "192.0.2.3", connects: out, traffic: bytes(9, 2 * MIB + 1) }),
      // It was stopped then, or would be now: who knows what would have come.
      inside({
        from: "192.0.2.4",
        connects: each(1, { rule: "limited", port: 25 }),
        traffic: bytes(0, 9 * MIB),
      }),
      inside({ from: "192.0.2.5", connects: each(1, { rule: "sinkhole" }), traffic: bytes(0, 9 * MIB) }),
    );
    assert.deepEqual(met(outcome, "network.caps.up"), ["192.0.2.2 1000"]);
    assert.deepEqual(met(outcome, "network.caps.down"), ["192.0.2.3 1000"]);
    assert.deepEqual(outcome.counted, { sessions: 3, atLeast: 1 });

    // Sessions of one sandbox share its caps; in one that has met them nothing more leaves.
    const half = { connects: out, traffic: bytes(0, 1.5 * MIB), lasts: 60 };
    const shared = caps(small, inside(half), inside({ ...half, at: 2 }), inside({ ...half, at: 4 }));
    assert.deepEqual(met(shared, "network.caps.down"), ["203.0.113.7 180", "203.0.113.7 250"]);
    // What was taken for sent is among what was counted.
    const sunk = each(1, { rule: "sinkhole", sent: 1000 });
    const once = under(
      "network: {egress: sinkhole, caps: {up: 1500}}",
      inside({ connects: sunk, traffic: bytes(1100, 0) }),
    );
    assert.deepEqual([met(once, "network.caps.up"), once.counted.sessions], [[], 1]);

    const hourly = (lasts: number) =>
      met(
        caps(
          "caps: {up: 1m, down: 2m, per: hour}",
          inside({ lasts, connects: out, traffic: bytes(0, 5 * MIB) }),
        ),
        "network.caps.down",
      ).length;
    assert.deepEqual([hourly(3000), hourly(1.5 * 3600), hourly(4 * 3600)], [1, 1, 0]);

    // Who would have been gone by then has sent less.
    const gone = under(
      `deadlines: {session: 5m}\nnetwork: {egress: limited, ${small}}`,
      inside({ connects: out, traffic: bytes(0, 9 * MIB) }),
    );
    assert.deepEqual([met(gone, "network.caps.down"), gone.counted.sessions], [[], 0]);
  });

  test("connections at once, names, and bytes that are known to have been sent", () => {
    const at = (after: number, more: object = {}) => ({ after, ...more });
    const many = under(
      "network: {egress: limited, connections: 2, rates: {tcp: 1000/second}}",
      inside({ connects: [at(10), at(10), at(10), at(12)] }),
    );
    assert.deepEqual(met(many, "network.connections"), ["203.0.113.7 10"]);
    assert.deepEqual([many.outside.tries.limited, many.outside.tries.deny], [3, 1]);
    const names = under(
      "network: {egress: dns, dns: {rate: 2/minute}}",
      inside({ connects: [10, 11, 12].map((after) => at(after, { protocol: "udp", port: 53 })) }),
    );
    assert.deepEqual(met(names, "network.dns.rate"), ["203.0.113.7 12"]);
    const sunk = (per: string) =>
      under(
        `network: {egress: sinkhole, caps: {up: 1k, per: ${per}}}\nsandbox: {life: 5h}`,
        inside({ lasts: 9000, connects: [at(10, { sent: 600 }), at(5000, { sent: 600 })] }),
      );
    assert.deepEqual(met(sunk("life"), "network.caps.up"), ["203.0.113.7 5000"]);
    assert.deepEqual(met(sunk("hour"), "network.caps.up"), []);
  });

  test("destinations by what the policy makes of them; what nothing lets through stays shut", () => {
    const connects = [
      { after: 10 },
      { after: 11, address: "10.1.2.3" },
      { after: 12, port: 25 },
      { after: 13, port: 443 },
      { after: 14, rule: "neighbour" as const },
      { after: 15, address: "198.51.100.77" },
      { after: 16, rule: "cap" as const },
    ];
    const yaml = (more: string) =>
      `network: {egress: sinkhole, ports: [{ports: 80, egress: limited}], fences: [198.51.100.77]${more}}`;
    const { outside, cappedThen } = under(yaml(""), inside({ connects }));
    assert.deepEqual(outside.tries, { limited: 1, name: 0, sinkhole: 2, deny: 3 });
    assert.equal(cappedThen, 1);
    assert.deepEqual(outside.most[0], {
      ...{ protocol: "tcp", address: "198.51.100.9", port: 80, way: "limited", tries: 1, sessions: 1 },
    });
    assert.equal(under(yaml(", openFences: [10.0.0.0/8]"), inside({ connects })).outside.tries.limited, 2);
    // Who is not let in turns to nothing.
    assert.deepEqual(under(`auth: {otherwise: reject}\n${yaml("")}`, inside({ connects })).outside.most, []);
  });

  test("what was left behind goes on as long as its sandbox lives", () => {
    const late = inside({ lasts: 100, connects: [{ after: 200 }, { after: 5000 }] });
    const tries = (yaml: string) => under(yaml, late).outside.tries.deny;
    assert.deepEqual([tries(""), tries("sandbox: {idle: 2h}"), tries("sandbox: {mode: fresh}")], [1, 2, 0]);
  });
});

test("each session has the values of its profile, and sandboxes keep those that they were made with", () => {
  const policy = policyOf(`
auth: {otherwise: reject, rules: [{user: [root, pi], verdict: accept}]}
sandbox: {memory: 128m, disk: 1 GiB, spares: 0}
profiles:
  - {name: near, match: {source: 192.0.2.0/24}, deadlines: {session: 1m}, sandbox: {memory: 64m}}
  - {name: other port, match: {listener: 2222}, auth: {otherwise: accept}}
`);
  const sessions = [
    inside({ from: "192.0.2.1", lasts: 100 }),
    inside({ from: "203.0.113.1", lasts: 100 }),
    inside({ from: "203.0.113.2", tries: ["x y"], isIn: false, port: 2222, lasts: 100 }),
    inside({ from: "203.0.113.3", tries: ["x y"], isIn: false, lasts: 100 }),
  ].map(came);
  const outcome = replayUnder(policy, sessions, {
    policyOf: ({ address, listener, started }, user) => {
      const facts = { address, listener, at: started / 1000, ...(user === undefined ? {} : { user }) };
      return resolve({ policy, addresses: NOTHING_KNOWN }, facts);
    },
  });
  assert.deepEqual(met(outcome, "deadlines.session"), ["192.0.2.1 60"]);
  assert.deepEqual(outcome.letIn, { happened: 2, would: 3 });
  assert.deepEqual(outcome.profiles, { near: 1, "other port": 1 });
  assert.deepEqual([outcome.sandboxes.peak.count, outcome.sandboxes.memory], [3, (64 + 128 + 128) * 2 ** 20]);
});

test("an agenda gives what is due in order, what is due together as it was noted", () => {
  const random = new Random(7);
  const agenda = new Agenda<number>();
  const noted: { at: number; what: number }[] = [];
  const taken: number[] = [];
  const expected: number[] = [];
  for (let what = 0; what < 3000; what++) {
    const at = random.below(50);
    agenda.note(at, what);
    noted.push({ at, what });
    if (random.below(3) > 0) continue;
    const next = noted.toSorted((one, other) => one.at - other.at || one.what - other.what)[0];
    assert.equal(agenda.next, next?.at);
    noted.splice(
      noted.findIndex(({ what: one }) => one === next?.what),
      1,
    );
    expected.push(next?.what ?? -1);
    taken.push(agenda.take() ?? -2);
  }
  assert.deepEqual(taken, expected);
});
