import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toByteString } from "../../gateway/model/bytes.ts";
import type { ByteString } from "../../gateway/model/bytes.ts";
import { AttemptMemory } from "../../gateway/policy/attempts.ts";
import { decide } from "../../gateway/policy/decide.ts";
import type { AttemptToDecide } from "../../gateway/policy/decide.ts";
import { parseAddress, sourceKey } from "../../gateway/policy/source.ts";
import { policyOf } from "./policy-of.ts";

const bytes = (text: string): ByteString => toByteString(Buffer.from(text));

function attempt(user: string, password: string, more: Partial<AttemptToDecide> = {}): AttemptToDecide {
  return {
    address: "203.0.113.7",
    method: "password",
    earlier: 0,
    user: bytes(user),
    password: bytes(password),
    ...more,
  };
}

/** `accept rule` or `reject rule`. */
function verdict(yaml: string, ...of: Parameters<typeof attempt>): string {
  const { outcome, rule } = decide(policyOf(yaml), attempt(...of));
  return `${outcome} ${rule}`;
}

describe("verdicts", () => {
  test("the default policy lets every usable name and password in at once, root included", () => {
    for (const user of ["root", "admin", "Admin", "a.b", "1abc", "_x", "pi$", "x".repeat(32)]) {
      assert.equal(verdict("", user, "x"), "accept auth.otherwise", user);
    }
    assert.equal(verdict("", "root", "p", { method: "keyboard-interactive" }), "accept auth.otherwise");
  });

  test("no policy lets in what no account could be", () => {
    const open = "auth: {rules: [{verdict: accept}]}";
    for (const user of [
      "",
      "-x",
      "+x",
      "~x",
      "a b",
      "a:b",
      "a,b",
      "a/b",
      ".",
      "..",
      "../etc",
      "123",
      "x".repeat(33),
      "a\n",
      "a\0",
      "ä",
      "$",
      "a$b",
    ]) {
      assert.equal(verdict(open, user, "x"), "reject user-name", JSON.stringify(user));
    }
    for (const password of ["", "a\0b", "a\nb", "x".repeat(512)]) {
      assert.equal(verdict(open, "root", password), "reject password", JSON.stringify(password));
    }
    assert.equal(verdict(open, "root", "x".repeat(511)), "accept auth.rules[0]");
    assert.equal(
      decide(policyOf(open), attempt("root", "", { password: toByteString(Buffer.from([0xff, 0x80, 0x01])) }))
        .outcome,
      "accept",
    );
  });

  test("only a password is ever accepted", () => {
    for (const method of ["none", "publickey", "other"] as const) {
      assert.equal(verdict("", "root", "x", { method }), "reject method");
    }
    const without = { address: "203.0.113.7", method: "password", earlier: 0, user: bytes("root") } as const;
    assert.deepEqual(decide(policyOf(""), without), { outcome: "reject", rule: "password" });
  });

  test("root refused stays refused, whatever the rules say", () => {
    const yaml = "auth: {root: refuse, rules: [{user: root, verdict: accept}]}";
    assert.equal(verdict(yaml, "root", "x"), "reject auth.root");
    assert.equal(verdict(yaml, "toor", "x"), "accept auth.otherwise");
  });

  test("the first rule that applies decides, and all its matchers must apply", () => {
    const yaml = `auth:
  otherwise: reject
  rules:
    - {name: scanner, source: [198.51.100.0/24, "2001:db8::/32"], verdict: reject}
    - {name: pair, user: [admin, "oracle*"], password: "/^[0-9]{4}$/", verdict: accept}
    - {user: "adm?n", verdict: accept}
`;
    assert.equal(verdict(yaml, "admin", "1234", { address: "198.51.100.9" }), "reject scanner");
    assert.equal(verdict(yaml, "admin", "1234", { address: "::ffff:198.51.100.9" }), "reject scanner");
    assert.equal(verdict(yaml, "admin", "1234", { address: "2001:db8:5::1" }), "reject scanner");
    assert.equal(verdict(yaml, "admin", "1234"), "accept pair");
    assert.equal(verdict(yaml, "oracle9", "0000"), "accept pair");
    assert.equal(verdict(yaml, "admin", "12345"), "accept auth.rules[2]");
    assert.equal(verdict(yaml, "oracle9", "x"), "reject auth.otherwise");
  });

  test("accepted from the n-th attempt of the source on, refused by the same rule before", () => {
    const yaml = "auth: {otherwise: reject, rules: [{name: third, verdict: accept, afterAttempts: 3}]}";
    const of = [0, 1, 2, 3].map((earlier) => verdict(yaml, "root", "x", { earlier }));
    assert.deepEqual(of, ["reject third", "reject third", "accept third", "accept third"]);
  });

  test("names and passwords are matched as bytes", () => {
    const yaml = 'auth: {otherwise: reject, rules: [{password: ["pässwörd", "ü*"], verdict: accept}]}';
    assert.equal(verdict(yaml, "a", "pässwörd"), "accept auth.rules[0]");
    assert.equal(verdict(yaml, "a", "überall"), "accept auth.rules[0]");
    const latin1 = toByteString(Buffer.from("pässwörd", "latin1"));
    assert.equal(decide(policyOf(yaml), attempt("a", "", { password: latin1 })).outcome, "reject");
    const raw = 'auth: {otherwise: reject, rules: [{password: "/^\\\\xff.$/s", verdict: accept}]}';
    const two = toByteString(Buffer.from([0xff, 0x0d]));
    assert.equal(decide(policyOf(raw), attempt("a", "", { password: two })).outcome, "accept");
  });

  test("globs: * and ? and what a backslash makes of them", () => {
    const matches = (glob: string, password: string): boolean =>
      verdict(
        `auth: {otherwise: reject, rules: [{password: ${JSON.stringify(glob)}, verdict: accept}]}`,
        "a",
        password,
      ).startsWith("accept");
    assert.ok(matches("*", "x") && matches("a*", "a") && matches("*a*b*", "xxaxxbxx") && matches("?", "x"));
    assert.ok(!matches("a*", "ba") && !matches("?", "xx") && !matches("a*b", "a*bc") && !matches("*a", "ab"));
    assert.ok(
      matches("\\*", "*") && !matches("\\*", "x") && matches("a\\?*", "a?b") && matches("a\\\\", "a\\"),
    );
    assert.ok(matches("!QAZ2wsx", "!QAZ2wsx") && !matches("!QAZ2wsx", "x"));
    assert.ok(matches("a\\", "a\\") && matches("/usr", "/usr") && matches("\\/a/", "/a/"));
  });

  test("patterns of the worst kind take no time", () => {
    const glob = `"${"*a".repeat(200)}"`;
    const yaml = `auth: {otherwise: reject, rules: [{password: ["/^(a+)+$/", "/(a|aa)*b(.*c){9}/", ${glob}], verdict: accept}]}`;
    const policy = policyOf(yaml);
    const started = performance.now();
    for (let i = 0; i < 20; i++) decide(policy, attempt("a", `${"a".repeat(150)}${"!".repeat(360)}`));
    // A backtracking engine needs longer than the age of the universe; ten seconds leave room for a busy machine.
    assert.ok(performance.now() - started < 10_000);
  });
});

describe("sources", () => {
  const key = (by: string, address: string, user?: string, password?: string): string =>
    sourceKey(
      policyOf(`source: {by: ${by}}`),
      address,
      user === undefined ? undefined : { user: bytes(user), password: bytes(password ?? "") },
    );

  test("by address: one form for each, IPv4 never mapped, no interface", () => {
    assert.equal(key("address", "203.0.113.7"), "203.0.113.7");
    assert.equal(key("address", "::ffff:203.0.113.7"), "203.0.113.7");
    assert.equal(key("address", "::FFFF:cb00:7107"), "203.0.113.7");
    assert.equal(key("address", "2001:0DB8:0::1"), "2001:db8::1");
    assert.equal(key("address", "fe80::1%eth0"), "fe80::1");
  });

  test("by network: /24 and /64", () => {
    assert.equal(key("network", "203.0.113.7"), "203.0.113.0/24");
    assert.equal(key("network", "::ffff:203.0.113.9"), "203.0.113.0/24");
    assert.equal(key("network", "2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    assert.equal(key("network", "fe80::1%eth0"), "fe80::/64");
  });

  test("by credential: apart by address, user and password, without showing them", () => {
    const one = key("credential", "203.0.113.7", "root", "x");
    assert.match(one, /^203\.0\.113\.7#[0-9a-f]{32}$/);
    assert.equal(one, key("credential", "::ffff:203.0.113.7", "root", "x"));
    const others = [
      key("credential", "203.0.113.8", "root", "x"),
      key("credential", "203.0.113.7", "roo", "tx"),
      key("credential", "203.0.113.7", "root", "y"),
      key("credential", "203.0.113.7"),
    ];
    assert.equal(new Set([one, ...others]).size, 5);
  });

  test("what is no address is refused, the odd forms of old parsers too", () => {
    for (const text of ["", "1", "1.2.3", "0x7f.0.0.1", "010.0.0.1", "1.2.3.4.5", "::g", "localhost"]) {
      assert.throws(() => parseAddress(text), { name: "MitsubakoError" }, text);
    }
  });
});

describe("attempts' memory", () => {
  test("counts each source, forgets the least recent beyond its bound", () => {
    const memory = new AttemptMemory(60_000, { mostSources: 2 });
    assert.deepEqual([memory.count("a"), memory.count("a"), memory.count("b")], [0, 1, 0]);
    assert.equal(memory.earlier("a"), 2);
    memory.count("c");
    assert.deepEqual([memory.earlier("a"), memory.earlier("b"), memory.earlier("c")], [2, 0, 1]);
  });

  test("knows what was right and wrong for each source and user, and forgets it too", () => {
    let clock = 1;
    const { passwords } = new AttemptMemory(1000, { mostSources: 3, now: () => clock });
    const credential = (user: string, password: string) => ({ user: bytes(user), password: bytes(password) });
    const known = (source: string, user: string, password: string) =>
      passwords.knownAs(source, credential(user, password));
    passwords.refuse("a", credential("root", "x"));
    assert.deepEqual(
      [known("a", "root", "x"), known("a", "root", "y"), known("a", "pi", "x"), known("b", "root", "x")],
      ["refused", undefined, undefined, undefined],
    );
    passwords.letIn("a", credential("root", "y"));
    assert.deepEqual([known("a", "root", "y"), known("a", "root", "z")], ["right", "other"]);
    passwords.letIn("a", credential("root", "x")); // it was changed inside
    assert.deepEqual([known("a", "root", "x"), known("a", "root", "y")], ["right", "other"]);
    clock += 1001;
    assert.equal(known("a", "root", "y"), undefined);
    for (const user of ["a", "b", "c", "d"]) passwords.letIn("a", credential(user, "x"));
    assert.deepEqual([known("a", "a", "y"), known("a", "d", "y")], [undefined, "other"], "bounded");
  });

  test("forgets a source some time after its last attempt", () => {
    let clock = 1;
    const memory = new AttemptMemory(1000, { now: () => clock });
    memory.count("a");
    clock += 900;
    memory.count("a");
    clock += 900;
    assert.equal(memory.earlier("a"), 2);
    clock += 200;
    assert.equal(memory.earlier("a"), 0);
  });
});
