import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { checkPolicies } from "../../gateway/policy/check-command.ts";
import { policyJsonSchema } from "../../gateway/policy/schema.ts";
import type { SchemaNode } from "../../gateway/policy/schema.ts";
import { policyTemplate } from "../../gateway/policy/template.ts";
import { policyOf } from "./policy-of.ts";

const run = promisify(execFile);

function keysOf(node: SchemaNode): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => [key, ...keysOf(child)]);
}

describe("the annotated template", () => {
  const template = policyTemplate("policy.schema.json");

  test("says what an empty policy means", () => {
    assert.deepEqual(policyOf(template), policyOf(""));
  });

  test("holds every key of the schema, and those without a default as comments that are valid as they stand", () => {
    const keys = new Set(keysOf(policyJsonSchema));
    for (const key of keys) assert.match(template, new RegExp(`^ *(# )?${key}:( |$)`, "m"));
    const bare = template
      .split("\n")
      // Lists that are there, and empty, have their example below them.
      .filter((line) => !/^ *(rules|ports|profiles): \[\]$/.test(line))
      .map((line) => {
        const [, indent = "", key = "", rest = ""] = /^( *)# ([A-Za-z]+:|-)( .*)?$/.exec(line) ?? [];
        const isExample = key === "-" || keys.has(key.slice(0, -1));
        return isExample
          ? `${indent}${key === "-" ? "  " : ""}${key}${rest}`
          : line.replace(/^( *)# {3}- /, "$1  - ");
      })
      // Other files are not there.
      .filter((line) => !/^(extends| {2}country| {2}as):/.test(line))
      .join("\n");
    const policy = policyOf(bare);
    assert.equal(policy.auth.rules.length, 2);
    assert.equal(policy.network.ports.length, 1);
    assert.equal(policy.profiles.length, 2);
    assert.equal(policy.network.bandwidth.up, 128_000);
  });

  test("`policy init` writes it where no file is, for an editor that finds the schema from there", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "mitsubako-init-"));
    t.after(() => rm(folder, { recursive: true }));
    const path = join(folder, "mine.yaml");
    const main = new URL("../../gateway/main.ts", import.meta.url).pathname;
    await run(process.execPath, [main, "policy", "init", path]);
    assert.equal((await checkPolicies([path])).exitCode, 0);
    const written = await readFile(path, "utf8");
    const schema = /^# yaml-language-server: \$schema=(.*)$/m.exec(written)?.[1] ?? "";
    assert.ok(JSON.parse(await readFile(resolve(dirname(path), schema), "utf8")));
    await assert.rejects(run(process.execPath, [main, "policy", "init", path]), /is not there yet/);
    assert.equal(await readFile(path, "utf8"), written);
  });
});
