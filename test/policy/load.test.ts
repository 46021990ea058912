import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { MitsubakoError } from "../../gateway/model/errors.ts";
import { loadPolicy, parsePolicy } from "../../gateway/policy/load.ts";
import { PolicyError, renderProblem } from "../../gateway/policy/problem.ts";
import type { Problem } from "../../gateway/policy/problem.ts";
import { policyOf } from "./policy-of.ts";

function problemsOf(text: string | Uint8Array): readonly Problem[] {
  const result = parsePolicy(typeof text === "string" ? Buffer.from(text) : text, "x.yaml");
  return "problems" in result ? result.problems : [];
}

describe("a policy that loads", () => {
  test("an empty file is the default policy, frozen to its leaves", () => {
    const policy = policyOf("");
    assert.equal(policy.sandbox.life, 6 * 3_600_000);
    assert.equal(policy.sandbox.memory, 256 * 2 ** 20);
    assert.deepEqual(policy.listen, [{ address: "0.0.0.0", port: 2222 }]);
    assert.throws(() => Reflect.apply(Array.prototype.push, policy.auth.rules, [1]), TypeError);
    assert.ok(Object.isFrozen(policy.limits.starts));
  });

  test("comments, empty sections, a byte order mark and CRLF are no mistakes", () => {
    assert.deepEqual(policyOf("# nothing\n"), policyOf(""));
    assert.deepEqual(policyOf("auth:\n  # nothing yet\nsandbox:\n"), policyOf(""));
    assert.equal(policyOf("\ufeffsandbox:\r\n  pids: 64\r\n").sandbox.pids, 64);
  });

  test("units are canonical", () => {
    const sandbox = policyOf(
      "sandbox: {idle: 1.5h, life: 1d, memory: 128M, swap: 65536, deviceReadRate: 5 MiB, deviceWriteRate: 10MB}",
    ).sandbox;
    assert.equal(sandbox.idle, 5_400_000);
    assert.equal(sandbox.life, 86_400_000);
    assert.equal(sandbox.memory, 134_217_728);
    assert.equal(sandbox.swap, 65_536);
    assert.equal(sandbox.deviceReadRate, 5_242_880);
    assert.equal(sandbox.deviceWriteRate, 10_000_000);
  });

  test("aliases stand for what they name", () => {
    const policy = policyOf(
      "auth:\n  rules:\n    - {user: &names [root, admin], verdict: accept}\n    - {user: *names, verdict: reject}\n",
    );
    assert.deepEqual(policy.auth.rules[1]?.user, ["root", "admin"]);
  });

  test("loadPolicy gives path and hash of the file's bytes", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "mitsubako-policy-"));
    t.after(() => rm(folder, { recursive: true }));
    const path = join(folder, "p.yaml");
    await writeFile(path, "sensor: one\n");
    const loaded = await loadPolicy(path);
    assert.equal(loaded.path, path);
    assert.equal(loaded.hash, createHash("sha256").update("sensor: one\n").digest("hex"));
    await writeFile(path, "sensr: one\n");
    await assert.rejects(loadPolicy(path), (error) => {
      assert.ok(error instanceof PolicyError);
      assert.equal(error.code, "policy-invalid");
      assert.match(error.message, /p\.yaml:1:1: "sensr" is not a key of a policy; did you mean "sensor"\?/);
      return true;
    });
    for (const unreadable of [join(folder, "absent.yaml"), folder, "/dev/null"]) {
      await assert.rejects(
        loadPolicy(unreadable),
        (error) => error instanceof MitsubakoError && error.code === "policy-unreadable",
      );
    }
  });
});

describe("what is wrong is told by place", () => {
  // Each planted mistake alone: the text, then line, column and what the message has to say.
  const planted: readonly [string, string, number, number, RegExp][] = [
    ["misspelt key", "sandbox:\n  memroy: 128m\n", 2, 3, /"memroy" .* sandbox; did you mean "memory"\?/],
    ["key in another style", "limits:\n  connections_per_source: 3\n", 2, 3, /"connectionsPerSource"/],
    ["key in the wrong section", "auth:\n  life: 1h\n", 2, 3, /did you mean sandbox\.life\?/],
    ["section one level too deep", "auth:\n  sandbox: {}\n", 2, 3, /sandbox at the left margin/],
    ["nothing like it", "zzz: 1\n", 1, 1, /"zzz" is not a key of a policy \(valid keys: extends, listen, /],
    ["duration without a unit", "deadlines:\n  idle: 60\n", 2, 9, /such as 90s.*found 60 \(a number\)/],
    ["duration over a timer's range", "sandbox:\n  life: 40d\n", 2, 9, /from 1s to 24d; found "40d"/],
    ["unknown unit", "sandbox:\n  memory: 128x\n", 2, 11, /such as 64m|such as 128m/],
    ["too little memory", "sandbox:\n  memory: 4m\n", 2, 11, /from 32m to/],
    ["negative number", "sandbox:\n  pids: -1\n", 2, 9, /whole number from 32 to 65536; found -1/],
    ["fraction", "sandbox:\n  most: 1.5\n", 2, 9, /whole number from 1 to 4096; found 1.5/],
    ["not a number", "sandbox:\n  cpuQuota: .nan\n", 2, 13, /number of CPUs such as 0\.5/],
    ["boolean of YAML 1.1", "sandbox:\n  sudo: yes\n", 2, 9, /true or false; found "yes"/],
    ["wrong word", "auth:\n  root: deny\n", 2, 9, /allow or refuse; found "deny"/],
    ["value missing", "sandbox:\n  idle:\n", 2, 8, /found no value/],
    [
      "verdict missing",
      "auth:\n  rules:\n    - user: root\n",
      3,
      7,
      /verdict is missing; it takes accept or reject/,
    ],
    [
      "number as a password",
      "auth:\n  rules:\n    - {password: 0123, verdict: accept}\n",
      3,
      18,
      /found 0123 .*quotes/,
    ],
    ["broken range", "auth:\n  rules:\n    - {source: 1.2.3.0/33, verdict: accept}\n", 3, 16, /CIDR range/],
    [
      "broken range in a list",
      'auth:\n  rules:\n    - {source: ["::1", x], verdict: accept}\n',
      3,
      24,
      /source\[1\]/,
    ],
    [
      "broken expression",
      'auth:\n  rules:\n    - {user: "/[/", verdict: accept}\n',
      3,
      14,
      /missing closing/,
    ],
    ["look-ahead", 'auth:\n  rules:\n    - {user: "/(?=a)/", verdict: accept}\n', 3, 14, /no look-around/],
    ["unknown flag", 'auth:\n  rules:\n    - {user: "/a/g", verdict: accept}\n', 3, 14, /not g/],
    ["expression beyond ASCII", 'auth:\n  rules:\n    - {user: "/é/", verdict: accept}\n', 3, 14, /\\xNN/],
    [
      "attempts with reject",
      "auth:\n  rules:\n    - {verdict: reject, afterAttempts: 2}\n",
      3,
      40,
      /goes with/,
    ],
    [
      "rule named twice",
      "auth:\n  rules:\n    - {name: a, verdict: accept}\n    - {name: a, verdict: reject}\n",
      4,
      14,
      /earlier rule/,
    ],
    ["address without a port", "listen: [1.2.3.4]\n", 1, 10, /ADDRESS:PORT such as/],
    ["no such port", 'listen: ["1.2.3.4:70000"]\n', 1, 10, /ADDRESS:PORT such as/],
    [
      "an address within the one that is all",
      'listen: ["127.0.0.1:22", "0.0.0.0:2222", "0.0.0.0:22", "[::]:22"]\n',
      1,
      10,
      /listen\[0\] is within 0\.0\.0\.0:22.*remove one/,
    ],
    ["nothing to listen on", "listen: []\n", 1, 9, /at least 1 entry.*found an empty list/],
    ["list for a section", "sandbox: [1]\n", 1, 10, /a section with mode, /],
    ["text for a file", "hello\n", 1, 1, /a policy has to be a section/],
    ["more spares than sandboxes", "sandbox: {most: 1, spares: 2}\n", 1, 28, /only 1 sandboxes may exist/],
    ["period without quota", "sandbox: {cpuPeriod: 50ms}\n", 1, 22, /no effect without sandbox\.cpuQuota/],
    ["subnet with host bits", "network: {subnet: 10.0.0.1/24}\n", 1, 19, /by its first address/],
    ["key that a later version has", "network: {upload: 1mbit}\n", 1, 11, /"upload" is not a key of network/],
    ["same key twice", "sensor: a\nsensor: b\n", 2, 1, /given twice, before in line 1/],
    ["tab", "sandbox:\n\tpids: 64\n", 2, 1, /[Tt]abs .*; write two spaces/],
    ["a key too far in", "sandbox:\n  pids: 64\n   most: 2\n", 2, 9, /as far in as the keys beside it/],
    ["a key too little in", "sandbox:\n    pids: 64\n  most: 2\n", 3, 1, /as far in as the keys beside it/],
    ["no space after a colon", "sandbox:\n  pids:64\n  most: 2\n", 2, 3, /with a space after the colon/],
    ["what is no key", "sensor: a\nEOF\n", 2, 1, /no key with a value.*remove it/],
    ["a bracket too many", "auth: {}}\n", 1, 9, /remove it/],
    ["an open bracket", "auth: {rules: [\nsensor: a\n", 2, 1, /`\[` is not closed: write/],
    ["an escape that is none", 'sensor: "\\d"\n', 1, 10, /backslash twice/],
    ["unclosed quote", "sensor: 'a\n", 2, 1, /quote is not closed/],
    ["alias to nothing", "sensor: *a\n", 1, 9, /no &a comes before it; .* in quotes/],
    ["alias inside itself", "sensor: &a [*a]\n", 1, 13, /no &a comes before it/],
    ["tag", "sensor: !x y\n", 1, 12, /"!" in quotes/],
    ["binary tag", "sensor: !!binary aGk=\n", 1, 18, /"!" in quotes/],
    ["reserved character", "sensor: @x\n", 1, 9, /put it in quotes/],
    ["two documents", "sensor: a\n---\nsensor: b\n", 2, 1, /one YAML document/],
    ["YAML 1.1", "%YAML 1.1\n---\nsensor: a\n", 1, 1, /YAML 1\.2/],
    ["merge key", "<<: {sensor: a}\n", 1, 1, /"<<" is not a key/],
    ["prototype", "__proto__: {sensor: a}\n", 1, 1, /"__proto__" is not a key/],
    ["constructor", "auth: {constructor: 1}\n", 1, 8, /"constructor" is not a key of auth/],
    ["list as a key", "? [a]\n: 1\n", 1, 3, /keys must be strings/],
    ["escape in a name", 'sensor: "a\\e[2J"\n', 1, 9, /on one line/],
    ["nesting", `sensor: ${"[".repeat(40)}${"]".repeat(40)}\n`, 1, 24, /nested over 16 deep/],
  ];
  for (const [name, text, line, column, message] of planted) {
    test(name, () => {
      const problems = problemsOf(text);
      const match = problems.find((problem) => message.test(problem.message));
      assert.ok(match, `${String(message)} in ${JSON.stringify(problems)}`);
      assert.deepEqual([match.line, match.column], [line, column]);
    });
  }

  test("all at once, in the file's order, of every kind", () => {
    const text = `sandbx: {}
auth:
  rules:
    - user: "/a(?=b)/"
      password: 123
      verdict: acept
    - verdict: reject
      afterAttempts: 3
sandbox:
  spares: 30
  idle: 60
  pids: 64
  pids: 65
`;
    assert.deepEqual(
      problemsOf(text).map(({ line, path }) => `${line} ${path}`),
      [
        "1 sandbx",
        "4 auth.rules[0].user",
        "5 auth.rules[0].password",
        "6 auth.rules[0].verdict",
        "8 auth.rules[1].afterAttempts",
        "10 sandbox.spares",
        "11 sandbox.idle",
        "13 sandbox.pids",
      ],
    );
  });

  test("found, expected and nearest stand apart for programs", () => {
    const [problem] = problemsOf("sandbox:\n  mode: fresch\n  lief: 1h\n");
    assert.equal(problem?.found, '"fresch"');
    assert.equal(problem.expected, "sticky or fresh");
    assert.equal(problemsOf("sandbox:\n  lief: 1h\n")[0]?.nearest, "life");
  });

  test("what is not UTF-8 is told by place", () => {
    const [problem] = problemsOf(Buffer.from("sensor: ok\nsensor: \xff\n", "latin1"));
    assert.deepEqual([problem?.line, problem?.column], [2, 9]);
  });

  test("a rendered problem holds nothing that a terminal would act on", () => {
    const [problem] = problemsOf('"\\e[2J": 1\n');
    assert.ok(problem);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(renderProblem({ ...problem, file: "\u001b[2J.yaml" }), /\u001b/);
  });
});
