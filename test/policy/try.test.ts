import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { policyTryCommand } from "../../gateway/commands/policy-try.ts";
import { AttemptMemory } from "../../gateway/policy/attempts.ts";
import { decide } from "../../gateway/policy/decide.ts";
import { opensUnder, wayTo } from "../../gateway/policy/try/outside.ts";
import { resolvedProfiles } from "../../gateway/policy/resolve.ts";
import { replayUnder } from "../../gateway/policy/try/replay.ts";
import { bytes, came, FIRST, MINUTE, SECOND, type Come } from "./came.ts";
import { policyOf } from "./policy-of.ts";
import { Random } from "./random.ts";
import { writeIndex } from "./try-index.ts";

const under = (yaml: string, ...sessions: Come[]) => replayUnder(policyOf(yaml), sessions.map(came));

describe("recorded sessions under another policy", () => {
  test("who would be let in, who no longer, and by which rule", () => {
    const yaml =
      "auth: {otherwise: reject, rules: [{name: third, user: root, verdict: accept, afterAttempts: 3}]}";
    const { letIn, newlyIn, newlyOut } = under(
      yaml,
      { tries: ["root a", "root b", "root c"] },
      { at: 1, from: "203.0.113.8", tries: ["admin x"], isIn: true },
      { at: 2, from: "203.0.113.9", tries: ["root a"] },
    );
    assert.deepEqual(letIn, { happened: 1, would: 1 });
    assert.deepEqual(
      newlyIn.examples.map(({ source, at, password, rule }) => ({ source, at, password, rule })),
      [{ source: "203.0.113.7", at: FIRST + 3 * SECOND, password: "c", rule: "third" }],
    );
    assert.deepEqual(
      newlyOut.examples.map(({ source, user, rule }) => ({ source, user, rule })),
      [{ source: "203.0.113.8", user: "admin", rule: "auth.otherwise" }],
    );
  });

  test("attempts are counted over a source's connections, and forgotten as the policy says", () => {
    const yaml = (memory: string) =>
      `auth: {otherwise: reject, memory: ${memory}, rules: [{verdict: accept, afterAttempts: 2}]}`;
    const twice = [{ tries: ["root a"] }, { at: 30, tries: ["root b"] }];
    assert.equal(under(yaml("1h"), ...twice).letIn.would, 1);
    assert.equal(under(yaml("10m"), ...twice).letIn.would, 0);
  });

  test("a living sandbox decides for whom it knows, and only while it lives", () => {
    const again = (at: number, password: string) =>
      under("sandbox: {idle: 1h, life: 3h}", { tries: ["root a"] }, { at, tries: [`root ${password}`] });
    assert.equal(again(30, "a").letIn.would, 2);
    assert.equal(again(30, "b").letIn.would, 1);
    assert.equal(again(62, "b").letIn.would, 2);
    const fresh = "sandbox: {mode: fresh}";
    assert.equal(under(fresh, { tries: ["root a"] }, { at: 30, tries: ["root b"] }).letIn.would, 2);
  });

  test("which caps and deadlines would be met, and when", () => {
    const { limits } = under(
      "auth: {maxTries: 2, otherwise: reject, rules: [{user: in, verdict: accept}]}\ndeadlines: {login: 1m, session: 5m}\nsandbox: {life: 3m, idle: 1m}\nlimits: {recordingSize: 1m}\n",
      { from: "192.0.2.1", tries: ["a a", "a b", "a c"] },
      { from: "192.0.2.2", tries: ["a a"], lasts: 100 },
      { from: "192.0.2.3", tries: ["in x"], lasts: 1000, isIn: true },
      {
        from: "192.0.2.4",
        tries: ["in x"],
        lasts: 100,
        isIn: true,
        bytes: 2 ** 21,
        growth: [
          [7, 2 ** 19],
          [9, 2 ** 20 + 1],
        ],
      },
    );
    const met = (limit: keyof typeof limits) =>
      limits[limit].examples.map(({ source, at }) => `${source} ${(at - FIRST) / SECOND}`);
    assert.deepEqual(met("auth.maxTries"), ["192.0.2.1 2"]);
    assert.deepEqual(met("deadlines.login"), ["192.0.2.2 60"]);
    assert.deepEqual(met("sandbox.life"), ["192.0.2.3 181"]);
    assert.deepEqual(met("deadlines.session"), []);
    assert.deepEqual(met("limits.recordingSize"), ["192.0.2.4 9"]);
    const session = under("deadlines: {session: 5m}", { tries: ["in x"], lasts: 1000, isIn: true }).limits[
      "deadlines.session"
    ];
    assert.deepEqual(
      session.examples.map(({ at }) => at),
      [FIRST + 5 * MINUTE],
    );
  });

  test("connections of one source, and of all", () => {
    const three = [1, 2, 3].map(() => ({ tries: ["root a"], isIn: true }));
    const ofSource = under("limits: {connectionsPerSource: 2}", ...three);
    assert.deepEqual([ofSource.limits["limits.connectionsPerSource"].count, ofSource.newlyOut.count], [1, 1]);
    assert.equal(under("limits: {connections: 1}", ...three).limits["limits.connections"].count, 2);
    assert.equal(
      under("limits: {connectionsPerSource: 2}", ...three.map((one, at) => ({ ...one, at }))).newlyOut.count,
      0,
    );
  });

  test("sandboxes at once, the room they take, and who finds none", () => {
    const sources = [1, 2, 3].map((last) => ({
      from: `192.0.2.${last}`,
      tries: ["root a"],
      isIn: true,
      lasts: 100,
    }));
    const all = under("sandbox: {memory: 128m, disk: 1 GiB, spares: 0}", ...sources).sandboxes;
    assert.deepEqual(all, {
      made: 3,
      peak: { count: 3, at: FIRST + SECOND },
      memory: 3 * 2 ** 27,
      disk: 3 * 2 ** 30,
    });
    const few = under("sandbox: {most: 2, spares: 0}", ...sources);
    assert.deepEqual(
      [few.sandboxes.peak.count, few.limits["sandbox.most"].count, few.newlyOut.examples[0]?.rule],
      [2, 1, "sandbox.most"],
    );
    // Those who left make room.
    const later = under(
      "sandbox: {most: 1, spares: 0}",
      ...sources.map((one, at) => ({ ...one, at: at * 5 })),
    );
    assert.deepEqual([later.sandboxes.made, later.limits["sandbox.most"].count], [3, 0]);
  });

  test("a password that is not kept is said, not guessed", () => {
    const { withoutPassword, letIn } = under(
      'auth: {otherwise: reject, rules: [{password: "/^[a-z]+$/", verdict: accept}]}',
      { tries: ["root ?"] },
    );
    assert.deepEqual([withoutPassword, letIn.would], [1, 0]);
  });

  test("one user, one password, and what was wrong stays wrong, also when the sandbox is gone", () => {
    const policy = policyOf(
      `sandbox: {mode: fresh, spares: 0}
auth:
  refuse: [random-looking, second-password, refused-before]
  otherwise: reject
  rules: [{user: [root, pi], verdict: accept, afterAttempts: 2}]`,
    );
    const sessions = [
      ...["root x", "root x", "root y", "root z", "root y", "pi vK7qTz2RwPx9", "pi z", "root ?"],
    ].map((each, at) => came({ at, from: "192.0.2.1", tries: [each] }));
    const { newlyIn } = replayUnder(policy, sessions);
    const inWith = newlyIn.examples.map(({ user, password }) => `${user} ${password ?? "?"}`);
    // The password that was not kept is taken for one that nothing is known of.
    assert.deepEqual(inWith, ["root y", "root y", "pi z", "root ?"]);
  });

  test("the policy that was in force makes of it what happened", () => {
    for (let seed = 0; seed < 15; seed++) {
      const random = new Random(seed);
      const policy = policyOf(
        `sandbox: {mode: fresh, most: 4096, spares: 0}\nauth: {maxTries: 100, otherwise: reject, rules: [{user: [root, adm], password: "/^[ab]/", verdict: accept, afterAttempts: ${random.below(4) + 1}}]}`,
      );
      const memory = new AttemptMemory(policy.auth.memory);
      const sessions = Array.from({ length: 50 }, (_, at) => {
        const from = `192.0.2.${random.below(5)}`;
        const tries: string[] = [];
        let isIn = false;
        while (!isIn && tries.length < 4) {
          const [user, password] = [random.pick(["root", "adm", "pi"]), random.pick(["a", "b", "c"])];
          tries.push(`${user} ${password}`);
          const of = {
            address: from,
            user: bytes(user),
            password: bytes(password),
            method: "password" as const,
          };
          isIn = decide(policy, { ...of, earlier: memory.count(from) }).outcome === "accept";
        }
        return came({ at, from, tries, isIn });
      });
      const { letIn, newlyIn, newlyOut } = replayUnder(policy, sessions);
      assert.deepEqual([newlyIn.count, newlyOut.count, letIn.would], [0, 0, letIn.happened], `seed ${seed}`);
    }
  });
});

test("what would be open to the outside", () => {
  const { network } = policyOf(
    'network: {egress: sinkhole, ports: [{ports: "80,8000-8100", egress: limited}, {protocol: udp, egress: deny}]}',
  );
  assert.deepEqual(
    [80, 8050, 443, 25, 22].map((port) => wayTo("tcp", port, network)),
    ["limited", "limited", "sinkhole", "sinkhole", "sinkhole"],
  );
  assert.match(opensUnder({ network }, [])[0] ?? "", /^tcp 80, 8000-8100, within/);
  const open = policyOf("network: {egress: limited}").network;
  assert.deepEqual(
    [80, 25, 23].map((port) => wayTo("tcp", port, open)),
    ["limited", "deny", "deny"],
  );
  const profiles = `profiles:
  - { name: same, match: { user: a }, deadlines: { idle: 1m } }
  - { name: web, match: { user: b }, network: { ports: [{ ports: 80, egress: limited }] } }
`;
  const withProfiles = (egress: string) => {
    const policy = policyOf(`network: { egress: ${egress} }\n${profiles}`);
    return opensUnder(policy, resolvedProfiles(policy));
  };
  const [web, names] = withProfiles("deny");
  assert.match(web ?? "", /^profile web: tcp 80, within/);
  assert.equal(names, "profile web: names, by a resolver of ours");
  assert.deepEqual(opensUnder(policyOf(""), []), []);
});

test("as it is called: from the index, the same each time, in words and as JSON", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-try-"));
  t.after(() => rm(folder, { recursive: true }));
  const sessions = [
    came({ tries: ["root a", "root ?"], isIn: true }),
    came({
      ...{ at: 2, from: "198.51.100.3", tries: ["pi x"], isIn: true },
      connects: [
        { after: 2, address: "198.51.100.80" },
        { after: 3, address: "198.51.100.80" },
        { after: 3, address: "198.51.100.81" },
        { after: 4, address: "198.51.100.80", port: 25 },
      ],
    }),
    came({ at: 1, from: "198.51.100.1", tries: ["ad\u001b[2Jmin x", "root b"] }),
    came({ at: -9000, from: "198.51.100.2", tries: ["long ago"], isIn: true }),
  ];
  writeIndex(folder, sessions);
  const file = join(folder, "new.yaml");
  await writeFile(file, "auth: {root: refuse}\nnetwork: {ports: [{ports: 80, egress: limited}]}\n");
  const steps: number[] = [];
  const call = async (json?: true) => {
    let text = "";
    const output = {
      stdout: { write: (more: string) => (text += more) },
      stderr: { write: (more: string) => assert.fail(more) },
      now: () => FIRST / 1000 + 3_600_000,
    };
    const options = { data: folder, since: "2d", ...(json ? { json } : {}) };
    assert.equal(await policyTryCommand(file, options, output, ({ percent }) => steps.push(percent)), 0);
    return text;
  };
  const text = await call();
  assert.equal(await call(), text);
  assert.match(text, /on 3 sessions with 5 attempts since 2026-10-30/);
  assert.match(text, /Let in: 1 of 3 \(it was 2\)\./);
  assert.match(
    text,
    /No longer let in: 1\n {4}2026-11-01 00:00:02 {2}s\d+ {2}203\.0\.113\.7 {2}root \/ - {2}\(auth\.root\)/,
  );
  assert.match(text, /1 attempt had a password that is not kept/);
  assert.match(text, /turned to: let out 3 \(2 destinations\), stopped 1 \(1 destination\)\./);
  assert.match(text, /tcp 198\.51\.100\.80:80 +1 +2 +let out\n +tcp 198\.51\.100\.81:80 +1 +1 +let out\n/);
  assert.ok(!text.includes("\u001b"));
  assert.equal(steps.at(-1), 100);
  const json = JSON.parse(await call(true)) as {
    outcome: { newlyOut: { count: number; examples: { at: string; user: string }[] } };
  };
  assert.deepEqual(json.outcome.newlyOut.examples[0]?.at, "2026-11-01T00:00:02.000000Z");
});
