/** Properties on many random policies, files and attempts. The seed is in the message of a failure. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readFile } from "node:fs/promises";
import { stringify } from "yaml";
import { fromByteString, toByteString } from "../../gateway/model/bytes.ts";
import type { ByteString } from "../../gateway/model/bytes.ts";
import { isPassword, isUserName } from "../../gateway/model/user-name.ts";
import { policyChanges } from "../../gateway/policy/changes.ts";
import { decide } from "../../gateway/policy/decide.ts";
import { describePolicy, policyAsYaml } from "../../gateway/policy/describe.ts";
import { parsePolicy } from "../../gateway/policy/load.ts";
import { policyJsonSchema } from "../../gateway/policy/schema.ts";
import type { SchemaNode } from "../../gateway/policy/schema.ts";
import { policyOf } from "./policy-of.ts";
import { Random } from "./random.ts";

const MATCHERS = [
  "root",
  "adm*",
  "?",
  "/^a+$/i",
  "*",
  "\\*",
  "/(a|b)*c/",
  "p\u00e4ss",
  "!x",
  "123456",
] as const;

/** A value that the schema allows at this place, as a file holds it; undefined to leave the key out. */
function validValue(node: SchemaNode, random: Random): unknown {
  if (node.properties !== undefined) {
    const entries = Object.entries(node.properties).flatMap(([key, child]) => {
      // Other files' content is not made here, and without a database nobody may ask for what is in it.
      if (["extends", "sourceFile", "geo", "country", "as"].includes(key)) return [];
      const isNeeded = node.required?.includes(key) === true;
      return isNeeded || random.next() < 0.5 ? [[key, validValue(child, random)] as const] : [];
    });
    return Object.fromEntries(entries);
  }
  if (node.enum !== undefined) return node.enum[random.below(node.enum.length)];
  switch (node.title) {
    case "duration":
    case "size":
      // The examples of a unit lie within its bounds.
      return random.pick(examplesOf(node));
    case "matcher":
      return random.next() < 0.5 ? random.pick(MATCHERS) : [random.pick(MATCHERS), random.pick(MATCHERS)];
    case "range":
      return random.pick([
        "192.0.2.0/24",
        "2001:db8::/32",
        "::ffff:192.0.2.0/120",
        "203.0.113.7",
        "0.0.0.0/0",
      ]);
    case "subnet":
      return "10.77.0.0/20";
    case "address and port":
      return `127.0.0.1:${random.below(65536)}`;
    case "rate":
      return `${random.below(999) + 1}/${random.pick(["second", "minute", "hour", "day"])}`;
    case "bitrate":
      return `${random.below(9000) + 64}kbit`;
    case "ports":
      return random.pick([String(random.below(65535) + 1), "80,443", "8000-8100", "53", "22"]);
    case "IPv4 address":
      return `192.0.2.${random.below(256)}`;
    case "IPv4 range":
      return random.pick(["192.168.7.0/24", "10.1.2.3"]);
    case "listener":
      return random.pick([22, "192.0.2.1:22", "[2001:db8::1]:2222"]);
    case "start:rate:full":
      return `10:${random.below(100) + 1}:${random.below(100) + 10}`;
  }
  if (node.items !== undefined) {
    const length = Math.max(node.minItems ?? 0, random.below(3));
    return Array.from({ length }, () => validValue(node.items ?? {}, random));
  }
  if (node.type === "boolean") return random.next() < 0.5;
  if (node.type === "integer") {
    return (node.minimum ?? 0) + random.below(Math.min(1000, (node.maximum ?? 1000) - (node.minimum ?? 0)));
  }
  if (node.type === "number") return 0.01 + random.below(100) / 4;
  if (node.expected?.includes("CPU numbers") === true) return random.pick(["0", "0-1", "0,2"]);
  if (node.expected?.includes("time of day") === true) return random.pick(["00:00", "08:30", "22:00"]);
  if (node.expected?.includes("time zone") === true) return random.pick(["UTC", "Europe/Berlin"]);
  if (node.anyOf !== undefined)
    return validValue(random.next() < 0.5 ? (node.anyOf[0] ?? {}) : (node.anyOf.at(-1) ?? {}), random);
  const named = /such as ([^\s,]*[^\s,:])/.exec(node.expected ?? "")?.[1];
  return named ?? random.pick(["abc", "x-1", "debian"]);
}

/** `a size such as 64k, 5 MiB, from 1k to 16m`: the schema writes out those that the bounds allow. */
function examplesOf({ expected = "" }: SchemaNode): [string, ...string[]] {
  const [first = "", ...others] = (/such as (.*), (?:from|at most)/.exec(expected)?.[1] ?? "").split(", ");
  return [first, ...others];
}

/** A random policy text that is valid but for contradictions, which are among what it finds. */
function randomPolicy(random: Random): string {
  return stringify(validValue(policyJsonSchema, random));
}

const DEFAULT = await readFile(new URL("../../policies/default.yaml", import.meta.url));
const PIECES = [
  "auth:",
  "rules:",
  "- ",
  "  ",
  "\n",
  "\t",
  "{",
  "}",
  "[",
  "]",
  ":",
  "&a ",
  "*a",
  "!!str ",
  "!x ",
  "<<: *a",
  "---\n",
  "...\n",
  "%YAML 1.1\n",
  "#",
  "'",
  '"',
  "|",
  ">",
  "? ",
  ",",
  "__proto__",
  "constructor",
  "null",
  "~",
  ".inf",
  "0x10",
  "1e400",
  "-0",
  "\ufeff",
  "\u0000",
  "\u2028",
  "verdict: accept",
  "user: root",
  "extends: ",
  "sandbox",
  "idle: 1h",
  "\r",
  "\\",
  "/(/",
  "0.0.0.0/0",
] as const;

describe("any file either loads or is refused with places", { timeout: 60_000 }, () => {
  function check(bytes: Uint8Array, seed: string): "loaded" | "refused" {
    const started = performance.now();
    const result = parsePolicy(bytes, "f.yaml");
    const took = performance.now() - started;
    // Well under a second on an idle machine; what grows by squares or powers would take minutes.
    assert.ok(took < 20_000, `${seed}: ${took} ms`);
    if ("loaded" in result) {
      assert.ok(Object.isFrozen(result.loaded.policy));
      return "loaded";
    }
    const lines = Buffer.from(bytes)
      .toString("utf8")
      .split(/\r\n|\r|\n/).length;
    for (const { line, column, message, file } of result.problems) {
      assert.ok(Number.isInteger(line) && line >= 1 && line <= lines + 1, `${seed}: line ${line}`);
      assert.ok(Number.isInteger(column) && column >= 1, `${seed}: column ${column}`);
      assert.ok(message.length > 0 && message.length < 2000 && file === "f.yaml", seed);
    }
    return "refused";
  }

  test("mutations of a good one", () => {
    for (let seed = 0; seed < 400; seed++) {
      const random = new Random(seed);
      const bytes = Buffer.from(DEFAULT);
      for (let i = random.below(8); i >= 0; i--) bytes[random.below(bytes.length)] = random.below(256);
      check(bytes, `seed ${seed}`);
    }
  });

  test("pieces of YAML in any order", () => {
    for (let seed = 0; seed < 1500; seed++) {
      const random = new Random(seed);
      const text = Array.from({ length: random.below(30) }, () => random.pick(PIECES)).join("");
      check(Buffer.from(text), `seed ${seed}`);
    }
  });

  test("raw bytes", () => {
    for (let seed = 0; seed < 300; seed++) check(new Random(seed).bytes(seed), `seed ${seed}`);
  });

  test("bombs and monsters, in bounded time", () => {
    const full = 256 * 1024;
    const monsters: Record<string, string> = {
      "nine levels of nine aliases": Array.from({ length: 9 }, (_, level) => {
        const one = level === 0 ? "x" : `*a${level - 1}`;
        return `k${level}: &a${level} [${Array.from({ length: 9 }, () => one).join(", ")}]\n`;
      }).join(""),
      "deep lists": "[".repeat(full),
      "deep mappings": "{a: ".repeat(full / 8),
      "deep keys": "? ".repeat(full / 4),
      "many keys": Array.from({ length: 10_000 }, (_, i) => `k${i}: 1`).join("\n"),
      "many equal keys": "sensor: a\n".repeat(10_000),
      "many anchors": Array.from({ length: 10_000 }, (_, i) => `- &a${i} 1`).join("\n"),
      "many rules": `auth:\n  rules:\n${"    - {verdict: accept}\n".repeat(3_000)}`,
      "one long key": `${"k".repeat(full - 10)}: 1`,
      "one long value": `sensor: ${"x".repeat(full - 10)}`,
      "too large": "#".repeat(full + 1),
    };
    for (const [name, text] of Object.entries(monsters)) {
      assert.equal(check(Buffer.from(text), name), "refused", name);
    }
  });
});

describe("policies that are made at random", () => {
  test("what was loaded and printed loads to the same, and has no changes", () => {
    let valid = 0;
    for (let seed = 0; seed < 300; seed++) {
      const result = parsePolicy(Buffer.from(randomPolicy(new Random(seed))), "r.yaml");
      if ("problems" in result) {
        // Only contradictions: the generator keeps to the schema.
        for (const { message } of result.problems) {
          assert.match(
            message,
            /goes with|earlier rule|listed twice|only \d+ sandboxes|no effect without|means nothing for|holds \d+|less than the first pause|plaintext|has closed|earlier profile|never matches first|has no condition|one of from and to|same as from|never applies/,
            `seed ${seed}`,
          );
        }
        continue;
      }
      valid++;
      const { policy } = result.loaded;
      assert.deepEqual(policyOf(describePolicy(result.loaded)), policy, `seed ${seed}`);
      assert.deepEqual(policyChanges(policy, policyOf(policyAsYaml(policy))), [], `seed ${seed}`);
    }
    assert.ok(valid > 100, String(valid));
  });

  test("decide answers every attempt, the same each time, and never lets in what no account can be", () => {
    const outcomes = { accept: 0, reject: 0 };
    for (let seed = 0; seed < 200; seed++) {
      const random = new Random(seed);
      const result = parsePolicy(Buffer.from(randomPolicy(random)), "r.yaml");
      if ("problems" in result) continue;
      const { policy } = result.loaded;
      for (let i = 0; i < 20; i++) {
        const attempt = {
          address: random.pick([
            "192.0.2.9",
            "::ffff:192.0.2.9",
            "2001:db8::5",
            "203.0.113.7",
            "fe80::1%eth0",
          ]),
          method: random.pick(["password", "keyboard-interactive", "publickey", "none", "other"]),
          user: randomText(random),
          password: randomText(random),
          earlier: random.below(5),
        } as const;
        const verdict = decide(policy, attempt);
        assert.deepEqual(decide(policy, attempt), verdict, `seed ${seed}`);
        assert.notEqual(verdict.rule, "");
        outcomes[verdict.outcome]++;
        if (verdict.outcome === "accept") {
          assert.ok(isUserName(attempt.user) && isPassword(attempt.password), `seed ${seed}`);
          assert.ok(attempt.method === "password" || attempt.method === "keyboard-interactive");
          assert.ok(attempt.user !== "root" || policy.auth.root === "allow");
        }
      }
    }
    assert.ok(outcomes.accept > 50 && outcomes.reject > 50, JSON.stringify(outcomes));
  });

  test("a user name that is accepted is one path segment, one field and no uid", () => {
    for (let seed = 0; seed < 20_000; seed++) {
      const random = new Random(seed);
      const alphabet = "aZ09_.-$/:,+~ \n\0@\u00e9";
      const name = Array.from(
        { length: random.below(35) },
        () => alphabet[random.below(alphabet.length)],
      ).join("");
      if (!isUserName(name)) continue;
      assert.match(name, /^[A-Za-z0-9_.][A-Za-z0-9_.$-]*$/);
      assert.ok(name !== "." && name !== ".." && name.length <= 32 && !/^\d+$/.test(name), name);
    }
  });
});

function randomText(random: Random): ByteString {
  return random.next() < 0.6
    ? toByteString(Buffer.from(random.pick(["root", "admin", "a", "abc", "aaaa", "123456", "x y", ""])))
    : toByteString(fromByteString(toByteString(random.bytes(random.below(600)))));
}
