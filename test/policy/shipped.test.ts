import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { toByteString } from "../../gateway/model/bytes.ts";
import type { Policy } from "../../gateway/model/policy.ts";
import { checkPolicies, policyFilesIn, policySchemaAsJson } from "../../gateway/policy/check-command.ts";
import { decide } from "../../gateway/policy/decide.ts";
import { policyAsYaml } from "../../gateway/policy/describe.ts";
import { policyOf } from "./policy-of.ts";

const folder = new URL("../../policies", import.meta.url).pathname;
const read = (name: string): Promise<string> => readFile(`${folder}/${name}.yaml`, "utf8");
const shipped = async (name: string): Promise<Policy> => policyOf(await read(name));

const SHIPPED = ["brute-force-only", "default", "dockerpot", "iot", "many-small", "paper", "research"];

function outcome(policy: Policy, user: string, password: string, earlier = 0): string {
  const bytes = (text: string) => toByteString(Buffer.from(text));
  return decide(policy, {
    address: "203.0.113.7",
    user: bytes(user),
    password: bytes(password),
    method: "password",
    earlier,
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
    assert.deepEqual(
      files.map((file) => basename(file, ".yaml")),
      SHIPPED,
    );
  });

  test("each tells editors where the schema is, and the schema there is ours", async () => {
    for (const name of SHIPPED) {
      assert.match(await read(name), /^# yaml-language-server: \$schema=policy\.schema\.json\n/, name);
    }
    assert.equal(await readFile(`${folder}/policy.schema.json`, "utf8"), `${policySchemaAsJson()}\n`);
  });

  test("brute-force-only: nobody is ever let in, whatever is tried and however often", async () => {
    const policy = await shipped("brute-force-only");
    for (const [user, password] of [
      ["root", "root"],
      ["admin", "admin"],
      ["x", "y"],
    ] as const) {
      for (const earlier of [0, 1, 1000, 1e9])
        assert.equal(outcome(policy, user, password, earlier), "reject");
    }
    assert.equal(policy.sandbox.spares, 0);
  });

  test("research: in after three tries, never as root; HTTP goes out, capped, all else meets the sinkhole", async () => {
    const policy = await shipped("research");
    assert.deepEqual(
      [0, 1, 2, 3].map((earlier) => outcome(policy, "oracle", "x", earlier)),
      ["reject", "reject", "accept", "accept"],
    );
    assert.equal(outcome(policy, "root", "x", 5), "reject");
    const { egress, ports, caps, bandwidth, openFences } = policy.network;
    assert.equal(egress, "sinkhole");
    assert.deepEqual(ports, [
      {
        protocol: "tcp",
        ports: [
          [80, 80],
          [443, 443],
        ],
        egress: "limited",
      },
    ]);
    assert.deepEqual(caps, { up: 2 ** 20, down: 50 * 2 ** 20, per: "life" });
    assert.deepEqual([bandwidth.up, bandwidth.down, openFences], [512_000, 10_000_000, []]);
  });

  test("iot: the makers' accounts, root among them; others only with patience; nothing leaves", async () => {
    const policy = await shipped("iot");
    assert.equal(outcome(policy, "root", "xc3511"), "accept");
    assert.equal(outcome(policy, "ubnt", "ubnt"), "accept");
    assert.equal(outcome(policy, "ubnt", "xc3511"), "reject");
    assert.equal(outcome(policy, "root", "S3cure", 18), "reject");
    assert.equal(outcome(policy, "root", "S3cure", 19), "accept");
    assert.equal(policy.network.egress, "sinkhole");
  });

  test("what a source's sessions take at once fits into its sandbox, where that is small", async () => {
    // Measured: sshd holds 16 to 17 MB for each session; with one more than this the kernel killed it at the login.
    for (const name of ["many-small", "iot"]) {
      const { sandbox, limits } = await shipped(name);
      assert.ok(limits.connectionsPerSource * 17e6 <= sandbox.memory, name);
    }
  });

  test("many-small: 200 sandboxes, each of them full, leave room on a machine with 8 GB", async () => {
    const { most, memory, swap } = (await shipped("many-small")).sandbox;
    assert.equal(most, 200);
    assert.equal(swap, 0);
    assert.ok(most * memory < 8 * 2 ** 30 - 2 ** 29, String(most * memory));
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
    for (const name of SHIPPED) {
      const policy = await shipped(name);
      assert.deepEqual(policyOf(policyAsYaml(policy)), policy);
      // Units as people write them, no bare milliseconds.
      assert.match(policyAsYaml(policy), /idle: \d+[mh]\n/);
      assert.ok(typeof parse(policyAsYaml(policy)) === "object");
    }
  });
});
