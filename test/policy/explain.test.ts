import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { toByteString } from "../../gateway/model/bytes.ts";
import { decide, refusalName } from "../../gateway/policy/decide.ts";
import type { AttemptToDecide } from "../../gateway/policy/decide.ts";
import { explain } from "../../gateway/policy/explain.ts";
import type { Explanation } from "../../gateway/policy/explain.ts";
import { KNOWN_AS } from "../../gateway/policy/known-passwords.ts";
import { parsePolicy } from "../../gateway/policy/load.ts";
import type { PlacedPolicy } from "../../gateway/policy/load.ts";
import { PolicyError } from "../../gateway/policy/problem.ts";
import { Random } from "./random.ts";

const run = promisify(execFile);
const bytes = (text: string) => toByteString(Buffer.from(text));

function placed(yaml: string): PlacedPolicy {
  const result = parsePolicy(Buffer.from(yaml), "x.yaml");
  if ("problems" in result) throw new PolicyError(result.problems);
  return result;
}

const REFUSALS = ["random-looking", "second-password", "refused-before"] as const;

const YAML = `auth:
  otherwise: reject
  rules:
    - {name: scanners, source: 198.51.100.0/24, verdict: reject}
    - {name: third, user: [root, "adm*"], verdict: accept, afterAttempts: 3}
sandbox: {memory: 1 GiB}
`;

function attempt(user: string, more: Partial<AttemptToDecide> = {}): AttemptToDecide {
  return {
    address: "203.0.113.7",
    user: bytes(user),
    password: bytes("x"),
    method: "password",
    earlier: 0,
    ...more,
  };
}

describe("policy explain", () => {
  test("each step with its reason and line, the last one decides", () => {
    const told = (of: AttemptToDecide) =>
      explain(placed(YAML), of)
        .steps.slice(3)
        .map(({ rule, outcome, because, at }) => `${rule} ${outcome} ${at?.line ?? "default"}: ${because}`);
    assert.deepEqual(told(attempt("admin", { earlier: 1 })), [
      "auth.root goes on default: auth.root is allow, and this is not root",
      "scanners goes on 4: its source is another",
      "third reject 5: it applies, from the source's attempt 3 on; this is attempt 2",
    ]);
    assert.deepEqual(told(attempt("pi", { earlier: 7 })).slice(2), [
      "third goes on 5: its user is another",
      "auth.otherwise reject 2: no rule applies",
    ]);
  });

  test("what is refused before any rule is looked at, and why", () => {
    const policy = placed(
      "auth:\n  refuse:\n    - random-looking\n    - second-password\n    - refused-before\n",
    );
    const last = (password: string, knownAs?: AttemptToDecide["knownAs"]) => {
      const of = attempt("root", { password: bytes(password), ...(knownAs && { knownAs }) });
      const step = explain(policy, of).steps.at(-1);
      return `${step?.rule} ${step?.outcome} ${step?.at?.line ?? "default"}: ${step?.because}`;
    };
    assert.equal(
      last("vK7qTz2RwPx9"),
      "auth.refuse[random-looking] reject 3: its pairs of characters are as rare as one in two to the 8.5; 5 is random",
    );
    assert.equal(
      last("0f3a91c07bd4e682"),
      "auth.refuse[random-looking] reject 3: it is a long number in base 16",
    );
    assert.equal(
      last("123456", "other"),
      "auth.refuse[second-password] reject 4: the source was let in as that user with another password",
    );
    assert.equal(
      last("123456", "refused"),
      "auth.refuse[refused-before] reject 5: that password was refused to the source for that user",
    );
    assert.equal(last("123456"), "auth.otherwise accept default: no rule applies");
    assert.equal(last("vK7qTz2RwPx9", "right"), "auth.otherwise accept default: no rule applies");
  });

  test("every value, with the line that it comes from", () => {
    const { values } = explain(placed(YAML), attempt("root"));
    const at = (path: string) => values.find((value) => value.path === path);
    assert.deepEqual(at("sandbox.memory"), {
      path: "sandbox.memory",
      value: "1 GiB",
      at: { file: "x.yaml", line: 6, column: 19 },
    });
    assert.deepEqual(at("sandbox.idle"), { path: "sandbox.idle", value: "1h" });
    assert.deepEqual(at("sandbox.runtime"), { path: "sandbox.runtime" });
    assert.equal(at("auth.rules")?.at?.line, 4);
    assert.ok(values.length > 60);
  });

  test("agrees with decide on 10,000 random attempts", { timeout: 120_000 }, () => {
    const users = ["root", "admin", "adm", "pi", "1", "", "a b", "x".repeat(40)] as const;
    const passwords = ["x", "123456", "", "admin", "a\nb", "vK7qTz2RwPx9", "q9Z2LkXv7W"] as const;
    const addresses = ["203.0.113.7", "198.51.100.9", "::ffff:198.51.100.9", "2001:db8::5"] as const;
    const matchers = ['"adm*"', "root", '"?"', '["pi", "/^a/"]'] as const;
    const outcomes = new Map<string, number>();
    for (let seed = 0; seed < 500; seed++) {
      const random = new Random(seed);
      const maybe = (text: string) => (random.next() < 0.4 ? `${text}, ` : "");
      const rules = Array.from({ length: random.below(5) }, () => {
        const verdict =
          random.next() < 0.6 ? `verdict: accept, afterAttempts: ${random.below(4) + 1}` : "verdict: reject";
        return `{${maybe(`user: ${random.pick(matchers)}`)}${maybe(`password: ${random.pick(['"123456"', '"/^a/"'])}`)}${maybe(`source: ${random.pick(["198.51.100.0/24", '"2001:db8::/32"'])}`)}${verdict}}`;
      });
      const policy = placed(
        `auth: {root: ${random.pick(["allow", "refuse"])}, refuse: [${REFUSALS.filter(() => random.next() < 0.5).join(", ")}], otherwise: ${random.pick(["accept", "reject"])}, rules: [${rules.join(", ")}]}`,
      );
      for (let i = 0; i < 20; i++) {
        const of: AttemptToDecide = {
          address: random.pick(addresses),
          user: bytes(random.pick(users)),
          method: random.pick([
            "password",
            "password",
            "password",
            "keyboard-interactive",
            "publickey",
            "none",
            "other",
          ]),
          earlier: random.below(5),
          ...(random.next() < 0.9 ? { password: bytes(random.pick(passwords)) } : {}),
          ...(random.next() < 0.7 ? { knownAs: random.pick(KNOWN_AS) } : {}),
        };
        const { verdict, steps } = explain(policy, of);
        assert.deepEqual(verdict, decide(policy.loaded.policy, of), `seed ${seed}, attempt ${i}`);
        assert.equal(steps.at(-1)?.rule, verdict.rule);
        outcomes.set(verdict.rule, (outcomes.get(verdict.rule) ?? 0) + 1);
      }
    }
    assert.equal(
      [...outcomes.values()].reduce((sum, count) => sum + count),
      10_000,
    );
    const reached = ["method", "user-name", "password", "auth.root", "auth.rules[0]", "auth.otherwise"];
    for (const rule of [...reached, ...REFUSALS.map(refusalName)])
      assert.ok((outcomes.get(rule) ?? 0) > 100, `${rule}: ${outcomes.get(rule)}`);
  });

  test("as it is called: from a file that extends another, in words and as JSON", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "mitsubako-explain-"));
    t.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "base.yaml"), YAML);
    await writeFile(join(folder, "mine.yaml"), "extends: base.yaml\nsandbox: {pids: 99}\n");
    const main = new URL("../../gateway/main.ts", import.meta.url).pathname;
    const ask = async (...more: string[]) => {
      const of = ["--source", "203.0.113.7", "--user", "root", "--password", "x", ...more];
      return (await run(process.execPath, [main, "policy", "explain", join(folder, "mine.yaml"), ...of]))
        .stdout;
    };
    const text = await ask("--attempt", "3");
    assert.match(text, /^accept: third \(.*base\.yaml:5\)\n/);
    assert.match(text, /sandbox\.pids +99 +.*mine\.yaml:2\n/);
    assert.match(text, /sandbox\.memory +1 GiB +.*base\.yaml:6\n/);
    assert.match(text, /sandbox\.idle +1h +default\n/);
    const json = JSON.parse(await ask("--json")) as Explanation & { hash: string };
    assert.deepEqual(json.verdict, { outcome: "reject", rule: "third" });
    assert.match(json.hash, /^[0-9a-f]{64}$/);
    await assert.rejects(ask("--attempt", "0"), /is no count/);
    await assert.rejects(ask("--known-as", "wrong"), /Give one of right, other, refused/);
  });
});
