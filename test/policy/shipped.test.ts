import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { toByteString } from "../../gateway/model/bytes.ts";
import type { Policy } from "../../gateway/model/policy.ts";
import { checkPolicies, policyFilesIn } from "../../gateway/policy/check-command.ts";
import { decide } from "../../gateway/policy/decide.ts";
import { policyAsYaml } from "../../gateway/policy/describe.ts";
import { policyOf } from "./policy-of.ts";

const folder = new URL("../../policies", import.meta.url).pathname;
const read = (name: string): Promise<string> => readFile(`${folder}/${name}.yaml`, "utf8");
const shipped = async (name: string): Promise<Policy> => policyOf(await read(name));

function outcome(policy: Policy, user: string, password: string): string {
  const bytes = (text: string) => toByteString(Buffer.from(text));
  return decide(policy, {
    address: "203.0.113.7",
    user: bytes(user),
    password: bytes(password),
    method: "password",
    earlier: 0,
  }).outcome;
}

describe("the policies that we ship", () => {
  test("each is valid", async () => {
    const files = await policyFilesIn(folder);
    const check = await checkPolicies(files);
    assert.deepEqual(
      check.files.flatMap(({ problems }) => problems),
      [],
    );
    for (const name of ["default", "dockerpot", "paper"]) {
      assert.ok(
        files.some((file) => file.endsWith(`/${name}.yaml`)),
        name,
      );
    }
  });

  test("default: anybody at once, root included; sticky by address; no way out", async () => {
    const policy = await shipped("default");
    assert.equal(outcome(policy, "root", "x"), "accept");
    assert.equal(outcome(policy, "anybody", "\u00e9"), "accept");
    assert.equal(outcome(policy, "anybody", ""), "reject");
    assert.deepEqual(
      [policy.sandbox.mode, policy.source.by, policy.network.egress],
      ["sticky", "address", "deny"],
    );
  });

  test("default: what it writes out is the schema's default, but for the CPU quota", async () => {
    const { sandbox, ...rest } = await shipped("default");
    const { cpuQuota, ...restOfSandbox } = sandbox;
    assert.equal(cpuQuota, 1);
    assert.deepEqual({ ...rest, sandbox: restOfSandbox }, policyOf(""));
  });

  test("default: its commented rules are valid as they stand", async () => {
    const text = await read("default");
    const rules = /# rules:\n(?: {2}# .*\n)+/.exec(text)?.[0].replace(/^ *# ?/gm, "");
    assert.ok(rules);
    const policy = policyOf(`auth:\n${rules.replace(/^/gm, "  ")}\n`);
    assert.equal(policy.auth.rules.length, 3);
  });

  test("paper: the seed's values", async () => {
    const policy = await shipped("paper");
    assert.equal(policy.sandbox.memory, 128 * 2 ** 20);
    assert.equal(policy.sandbox.cpuset, "0-1");
    assert.equal(policy.sandbox.sudo, false);
    assert.equal(policy.sandbox.capabilities, "user");
    assert.equal(policy.persona.hostname, "privateServer");
    assert.equal(outcome(policy, "root", "x"), "reject");
    assert.equal(outcome(policy, "ubuntu", "12345"), "accept");
  });

  test("dockerpot: 128 MB, six hours, one container a host", async () => {
    const policy = await shipped("dockerpot");
    assert.equal(policy.sandbox.memory, 128 * 2 ** 20);
    assert.equal(policy.sandbox.life, 6 * 3_600_000);
    assert.deepEqual([policy.sandbox.mode, policy.source.by], ["sticky", "address"]);
  });

  test("printing one and loading that gives the same policy", async () => {
    for (const name of ["default", "dockerpot", "paper"]) {
      const policy = await shipped(name);
      assert.deepEqual(policyOf(policyAsYaml(policy)), policy);
      // Units as people write them, no bare milliseconds.
      assert.match(policyAsYaml(policy), /idle: (1|6)h\n/);
      assert.ok(typeof parse(policyAsYaml(policy)) === "object");
    }
  });
});
