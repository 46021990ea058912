import assert from "node:assert/strict";
import { basename } from "node:path";
import { describe, test } from "node:test";
import { egressOf } from "../../gateway/firewall/egress.ts";
import { checkPolicies, policyFilesIn, renderCheck } from "../../gateway/policy/check-command.ts";
import { parsePolicy } from "../../gateway/policy/load.ts";
import { PolicyError } from "../../gateway/policy/problem.ts";
import { warnings } from "../../gateway/policy/warnings.ts";
import type { Circumstances } from "../../gateway/policy/circumstances.ts";
import { policyOf } from "./policy-of.ts";

function warningsOf(yaml: string, circumstances: Circumstances = {}): string[] {
  const result = parsePolicy(Buffer.from(`auth: {root: refuse}\n${yaml}`), "x.yaml");
  if ("problems" in result) throw new PolicyError(result.problems);
  const found = warnings(result.loaded.policy, result.document, circumstances);
  return found.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

const OUT = "network: {egress: limited, fences: [192.0.2.1]}\n";

describe("warnings", () => {
  const dangerous: readonly [string, string, RegExp, Circumstances?][] = [
    [
      "as good as no byte cap",
      "network:\n  egress: limited\n  fences: [192.0.2.1]\n  caps: {up: 2 GiB}\n",
      /^5:14 network\.caps\.up is 2 GiB, as good as no cap.*Write 5 MiB$/,
    ],
    [
      "a cap given anew each hour",
      "network:\n  egress: limited\n  fences: [192.0.2.1]\n  caps: {up: 500 MiB, per: hour}\n",
      /^5:14 network\.caps\.up is 500 MiB for each of 6 hours, as good as no cap/,
    ],
    [
      "a rule's network by one of its addresses, in a profile",
      'profiles: [{name: a, match: {user: x}, auth: {rules: [{source: ["192.0.2.7", 192.0.2.7/20], verdict: reject}]}}]\n',
      /auth\.rules\[0\]\.source\[1\] is 192\.0\.2\.7\/20, .* network 192\.0\.0\.0\/20\. Write that, or 192\.0\.2\.7 for/,
    ],
    [
      "a fence by one of its addresses",
      "network: {fences: [10.1.2.3/8]}\n",
      /network\.fences\[0\] is 10\.1\.2\.3\/8, .* network 10\.0\.0\.0\/8\./,
    ],
    [
      "a profile's network by one of its addresses",
      'profiles: [{name: a, match: {source: "2001:db8::1/33"}}]\n',
      /profiles\[0\]\.match\.source is 2001:db8::1\/33, .* network 2001:db8::\/33\./,
    ],
    [
      "more memory than there is",
      "sandbox:\n  most: 100\n  memory: 256m\n",
      /^3:9 sandbox\.most is 100, each with 256 MiB of memory: 25\.0 GiB together, and this machine has 8\.0 GiB\. Write at most 32/,
      { memory: 8 * 2 ** 30 },
    ],
    [
      "a session that outlives its sandbox",
      "deadlines: {session: 12h}\n",
      /^2:22 deadlines\.session is 12h, longer than a sandbox lives \(sandbox\.life: 6h\).*Write 6h at most/,
    ],
    [
      "a pause that outlives its sandbox",
      "sandbox: {life: 10m, idle: 5m}\ndeadlines: {session: 10m}\n",
      /^3:12 deadlines\.idle is 30m/,
    ],
    ["an idle sandbox that outlives itself", "sandbox: {idle: 7h}\n", /^2:17 sandbox\.idle is 7h/],
    [
      "nothing of one's own fenced",
      "network:\n  ports: [{ports: 80, egress: limited}]\n",
      /^3:11 network\.ports\[0\] lets sandboxes out.*network\.fences$/,
    ],
    [
      "the operator's own address not fenced",
      OUT,
      /^2:19 network\.egress lets sandboxes out.*198\.51\.100\.7, from where you are working now.*`fences: \[198\.51\.100\.7\]`/,
      { operator: "198.51.100.7" },
    ],
    [
      "the operator's network opened",
      "network: {egress: limited, openFences: [10.0.0.0/8]}\n",
      /^2:19 .*10\.1\.2\.3.*out of network\.openFences$/,
      { operator: "10.1.2.3" },
    ],
    [
      "a fence opened",
      "network: {egress: limited, openFences: [10.0.0.0/8]}\n",
      /^2:41 network\.openFences\[0\] lets strangers connect to 10\.0\.0\.0\/8/,
    ],
    [
      "sshd alone does not fit",
      "sandbox:\n  memory: 48m\n",
      /^3:11 sandbox\.memory is 48 MiB: sshd takes 16 MiB .* 3 fit at once, and 50 may come of one address.*Write 128 MiB or more, or limits\.connectionsPerSource: 3$/,
    ],
    [
      "sshd alone does not fit, for who is there at night",
      "sandbox: {memory: 128m}\nprofiles:\n  - name: night\n    match: {time: {from: '22:00', to: '06:00'}}\n    sandbox: {memory: 32m}\n",
      /^6:23 in profile "night" \(line 4\): sandbox\.memory is 32 MiB/,
    ],
    [
      "a profile whose sessions outlive its sandboxes",
      "deadlines: {session: 2h, idle: 5m}\nprofiles:\n  - name: short\n    match: {source: 192.0.2.1}\n    sandbox: {life: 1h, idle: 10m}\n",
      /^2:22 in profile "short" \(line 4\): deadlines\.session is 2h, longer than .*sandbox\.life: 1h/,
    ],
    ["no floor for the disk", "limits: {diskFloor: 0}\n", /^2:21 limits\.diskFloor is 0.*Write 2 GiB$/],
    [
      "events that anybody on the way can read",
      "events:\n  webhook: {url: http://192.0.2.9/x, plaintext: true}\n",
      /^3:49 events\.webhook\.plaintext is true.*https/,
    ],
  ];
  for (const [name, yaml, message, circumstances] of dangerous) {
    test(name, () => {
      const found = warningsOf(yaml, circumstances);
      assert.ok(
        found.some((line) => message.test(line)),
        JSON.stringify(found),
      );
    });
  }

  test("root without user namespaces, where root can get in at all", () => {
    const found = (auth: string, sandbox = "") => {
      const result = parsePolicy(Buffer.from(`auth: ${auth}\n${sandbox}`), "x.yaml");
      assert.ok("document" in result);
      return warnings(result.loaded.policy, result.document, {}).map(({ line, path }) => `${line} ${path}`);
    };
    assert.deepEqual(found("{}"), ["1 auth.root"]);
    assert.deepEqual(found("{}", "sandbox: {userns: required}"), []);
    assert.deepEqual(found("{otherwise: reject}"), []);
    assert.deepEqual(found("{otherwise: reject, rules: [{user: admin, verdict: accept}]}"), []);
    assert.deepEqual(found('{otherwise: reject, rules: [{user: "r??t", verdict: accept}]}'), ["1 auth.root"]);
  });

  test("what Docker Engine says of user namespaces settles it; without it that is said", () => {
    const found = (circumstances: Circumstances, yaml = "{}") => {
      const result = parsePolicy(Buffer.from(`auth: ${yaml}`), "x.yaml");
      assert.ok("document" in result);
      return warnings(result.loaded.policy, result.document, circumstances).map(({ message }) => message);
    };
    assert.match(found({})[0] ?? "", /where Docker Engine has none \(`doctor` asks it/);
    assert.match(
      found({ userNamespaces: false })[0] ?? "",
      /and Docker Engine here has none: a sandbox's root/,
    );
    assert.deepEqual(found({ userNamespaces: true }), []);
    const profile = `{root: refuse}\nprofiles: [{name: p, match: {listener: 22}, auth: {root: allow}}]`;
    assert.match(found({}, profile)[0] ?? "", /^in profile "p" \(line 2\): auth\.root is allow/);
  });

  test("a policy in which nothing stands", () => {
    for (const text of ["", "# nothing\n", "auth:\nsandbox:\n"]) {
      const result = parsePolicy(Buffer.from(text), "x.yaml");
      assert.ok("document" in result);
      const found = warnings(result.loaded.policy, result.document, { userNamespaces: true });
      assert.deepEqual(
        found.map(({ line, column, path }) => [line, column, path]),
        [[1, 1, ""]],
        text,
      );
      assert.match(found[0]?.message ?? "", /^nothing stands in the policy: .* `extends: default\.yaml`$/);
    }
  });

  test("what a policy warns of is not said again for profiles that have no part in it", () => {
    const yaml = `deadlines: {session: 12h}\nprofiles: [{name: p, match: {listener: 22}, auth: {maxTries: 2}}]\n`;
    assert.equal(warningsOf(yaml).length, 1);
  });

  test("room for sessions: few at once, or one sandbox each, need little", () => {
    assert.deepEqual(warningsOf("sandbox: {memory: 48m}\nlimits: {connectionsPerSource: 3}\n"), []);
    assert.deepEqual(warningsOf("sandbox: {memory: 32m, mode: fresh}\n"), []);
    assert.deepEqual(warningsOf("sandbox: {memory: 128m}\n"), []);
    const shared = "source: {by: network}\nsandbox: {memory: 64m}\nlimits: {connectionsPerSource: 3}\n";
    assert.match(warningsOf(shared)[0] ?? "", /Write 128 MiB or more$/);
  });

  test("rules below one that takes everybody", () => {
    const result = parsePolicy(
      Buffer.from(
        "auth:\n  root: refuse\n  rules:\n    - {user: a, verdict: reject}\n    - {verdict: accept}\n    - {user: b, verdict: reject}\n",
      ),
      "x.yaml",
    );
    assert.ok("document" in result);
    const [only, ...others] = warnings(result.loaded.policy, result.document, {});
    assert.deepEqual([only?.line, others], [6, []]);
    assert.match(only?.message ?? "", /never applies: the rule in line 5/);
  });

  test("what is as it should be is not warned of", () => {
    assert.deepEqual(warningsOf("", { memory: 8 * 2 ** 30, operator: "198.51.100.7" }), []);
    assert.deepEqual(warningsOf(OUT), []);
    const fenced = "network: {egress: limited, fences: [198.51.100.0/24]}\n";
    assert.deepEqual(warningsOf(fenced, { operator: "198.51.100.7" }), []);
    assert.deepEqual(warningsOf(OUT, { operator: "192.168.1.5" }), [], "private ranges are fenced anyway");
    const inside = "listen: [10.0.0.1:22]\nnetwork: {egress: limited}\n";
    assert.deepEqual(warningsOf(inside, { operator: "198.51.100.7" }), []);
  });

  test("--strict makes them mistakes; without it they are said and the file is valid", async () => {
    const folder = new URL("../../policies", import.meta.url).pathname;
    const loose = await checkPolicies([`${folder}/default.yaml`]);
    assert.deepEqual([loose.ok, loose.exitCode, loose.files[0]?.warnings.length], [true, 0, 1]);
    assert.match(renderCheck(loose).stderr, /default\.yaml:\d+:\d+: warning: auth\.root is allow/);
    assert.match(renderCheck(loose).stdout, /default\.yaml: valid/);
    const strict = await checkPolicies([`${folder}/default.yaml`, `${folder}/paper.yaml`], {
      isStrict: true,
    });
    assert.deepEqual(
      [strict.ok, strict.exitCode, strict.files.map(({ isValid }) => isValid)],
      [false, 1, [false, true]],
    );
  });

  test("of the shipped policies only what their text says, on a machine with 8 GB", async () => {
    const files = await policyFilesIn(new URL("../../policies", import.meta.url).pathname);
    const { files: checked } = await checkPolicies(files, { circumstances: { memory: 8e9 } });
    assert.deepEqual(
      checked.map(({ file, warnings: found }) => [basename(file, ".yaml"), found.map(({ path }) => path)]),
      [
        ["brute-force-only", []],
        ["default", ["auth.root"]],
        ["dockerpot", ["auth.root"]],
        ["iot", ["auth.root"]],
        ["many-small", ["auth.root"]],
        ["paper", []],
        ["research", ["network.ports[0]"]],
      ],
    );
  });
});

test("network.fences closes what a way out would reach", () => {
  const { network } = policyOf("network: {egress: limited, fences: [198.51.100.0/24, 10.1.0.0/16]}");
  const { fences } = egressOf(network, { addresses: [], networks: [], resolvers: [] });
  assert.ok(fences.includes("198.51.100.0/24"));
  // Within a range that is fenced already; netfilter takes no nested ones.
  assert.ok(fences.includes("10.0.0.0/8") && !fences.includes("10.1.0.0/16"));
});

/** Each with the line that it stands in, and the words that say what to do. */
const TWENTY: readonly [string, RegExp][] = [
  ["listn: [0.0.0.0:22]", /did you mean "listen"\?/],
  ["sensor: [a, b]", /text of at most 64 characters on one line/],
  ["persona:", /^$/],
  ["  hostname: my_server", /a host name such as srv01/],
  ["  name: Debian 12", /a persona's name such as debian-12/],
  ["source: {by: ip}", /address, network or credential; found "ip"/],
  ["auth:", /^$/],
  ["  root: yes", /allow or refuse; found "yes"/],
  ["  maxTries: six", /a whole number from 1 to 100; found "six"/],
  ["  rules:", /^$/],
  ["    - {user: root, verdict: allow}", /accept or reject; found "allow"/],
  ["    - {user: 123, verdict: accept}", /put numbers in quotes/],
  ["    - {source: 10.0.0.0/40, verdict: reject}", /CIDR range such as 192\.0\.2\.0\/24/],
  ['    - {user: "/(a/", verdict: accept}', /a valid expression \(RE2 syntax/],
  ["    - {verdict: reject, afterAttempts: 2}", /goes with `verdict: accept`/],
  ["sandbox:", /^$/],
  ["  memmory: 128m", /did you mean "memory"\?/],
  ["  idle: 30", /a duration such as 500ms, 90s.*found 30 \(a number\)/],
  ["  life: 90d", /from 1s to 24d; found "90d"/],
  ["  disk: 2 gigs", /a size such as .*10GB/],
  ["  pids: 8", /a whole number from 32 to 65536; found 8/],
  ["network:", /^$/],
  ["  egress: open", /deny, dns, limited or sinkhole; found "open"/],
  ["  ports: [{ports: 25, egress: limited}]", /denied or sinkholed, never let out/],
  ["  bandwith: {up: 1mbit}", /did you mean "bandwidth"\?/],
  ["  rates: {tcp: 20 per hour}", /a rate such as 20\/hour/],
  ["dedlines: {idle: 5m}", /did you mean "deadlines"\?/],
];

test("twenty mistakes and more in one file: each is told at its line, with what to write instead", () => {
  const text = TWENTY.map(([line]) => `${line}\n`).join("");
  const result = parsePolicy(Buffer.from(text), "x.yaml");
  assert.ok("problems" in result);
  const planted = TWENTY.flatMap(([, remedy], index) =>
    remedy.source === "^$" ? [] : [{ line: index + 1, remedy }],
  );
  assert.ok(planted.length >= 20);
  assert.deepEqual(
    result.problems.map(({ line }) => line),
    planted.map(({ line }) => line),
  );
  for (const { line, remedy } of planted) {
    assert.match(
      result.problems.find((problem) => problem.line === line)?.message ?? "",
      remedy,
      `line ${line}`,
    );
  }
});
