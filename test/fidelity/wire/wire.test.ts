/** The persona's own sshd and a gateway, asked the same: their answers must be the same, to the byte. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { eventually, run } from "../../gateway/harness.ts";
import { mustBeAlike } from "./alike.ts";
import { questionsIn, type Phase, type Probe } from "./compare.ts";
import { strings } from "./encoding.ts";
import { PHASES } from "./phases.ts";
import { Prober } from "./prober.ts";
import { turnedAway } from "./startups.ts";
import { policyFor, ROOT, startTargets, type Targets } from "./targets.ts";
import { median, spread, timesOf } from "./times.ts";

/** Which image's sshd it is about. */
const PERSONA = process.env["MITSUBAKO_PERSONA"] ?? "debian-12";
const LONG = process.env["MITSUBAKO_SLOW"] === "1";

describe(`what the sshd of ${PERSONA} answers, the gateway answers`, () => {
  let targets: Targets;
  let alike = 0;
  let asked = 0;
  before(async () => {
    targets = await startTargets(PERSONA);
  });
  after(async () => {
    console.log(`the wire: ${alike} of ${asked} alike`);
    await targets[Symbol.asyncDispose]();
  });

  const holds = async (phase: Phase, ports: { theirs: number; ours: number }) => {
    const questions = questionsIn(phase);
    asked += questions;
    alike += questions - (await mustBeAlike(phase, ports));
  };

  for (const phase of PHASES)
    it(phase.name, () => holds(phase, { theirs: targets.reference.port, ours: targets.gateway.port }));

  it("every algorithm that is offered is one that ssh comes to terms with", async () => {
    const lists = await offeredBy(targets.gateway.port);
    const wanted = Object.entries(lists).flatMap(([option, names]) =>
      names.map((name) => ({ option, name })),
    );
    const failed: string[] = [];
    const left = [...wanted];
    const worker = async () => {
      for (let next = left.shift(); next; next = left.shift())
        if (!(await agreesOn(targets.gateway.port, next.option, next.name)))
          failed.push(`${next.option} ${next.name}`);
    };
    await Promise.all([worker(), worker(), worker()]);
    asked += wanted.length;
    alike += wanted.length - failed.length;
    console.log(`algorithms: ${wanted.length - failed.length} of ${wanted.length} agreed on`);
    assert.deepEqual(failed, []);
  });

  const inForce = async (policy: string) => {
    const { gateway } = targets;
    const before = gateway.log().length;
    await writeFile(gateway.policy, policy);
    await eventually("the policy in force", () =>
      Promise.resolve(gateway.log().slice(before).includes("a new policy is in force") ? true : undefined),
    );
  };

  // Those of the phases before are gone when it begins: more than ten that are not would be in the first ones' way.
  it("MaxStartups", async () => {
    const { gateway, reference } = targets;
    await inForce(policyFor(PERSONA).replace("500:30:1000", "10:30:100"));
    const [theirs, ours] = await Promise.all([reference.stock, gateway.port].map(crowd));
    assert.ok(theirs && ours);
    asked++;
    assert.deepEqual(ours.refusal, theirs.refusal);
    assert.ok(ours.first && theirs.first, "the first ten are let in");
    const { least, most } = turnedAway(CROWD);
    for (const { refused } of [theirs, ours])
      assert.ok(refused >= least && refused <= most, `refused ${refused}, of ${least} to ${most}`);
    alike++;
  });

  it("LoginGraceTime", async () => {
    await inForce(`${policyFor(PERSONA)}deadlines: { login: 2s }\n`);
    await holds(graces, { theirs: targets.reference.hasty, ours: targets.gateway.port });
    await inForce(policyFor(PERSONA));
  });

  if (LONG)
    it("the times of right and wrong passwords, of users that are there and that are not", async () => {
      const ports = { theirs: targets.reference.port, ours: targets.gateway.port };
      // Whom the sandbox knows its own sshd refuses. For others the gateway does, with a secret of its own: sshd's delay for a name is any from a half to twice another's.
      const asking = {
        "a wrong password of root": { user: "root", text: "wrong", count: 10, within: 1.1 },
        "one of nobody": { user: "no-such-user", text: "wrong", count: 10, within: 2.1 },
        "the right one": { user: "root", text: ROOT.password, count: 6, within: 1.5 },
      };
      for (const [name, { within, ...question }] of Object.entries(asking)) {
        const { theirs, ours } = await timesOf(ports, question);
        const shown = [theirs, ours].map(
          (took) => `${Math.round(median(took))} ± ${Math.round(spread(took))}`,
        );
        console.log(`${name}: ${shown[0]} ms, the gateway ${shown[1]} ms`);
        const ratio = median(ours.map((took, index) => took / (theirs[index] ?? NaN)));
        assert.ok(ratio < within && ratio > 1 / within, `${name}: ${ratio} times as long`);
      }
    });
});

/** Where the time for a login runs out. */
const graces: Phase = {
  name: "LoginGraceTime",
  probes: Object.entries({
    "nothing said": () => undefined,
    "an identification": (prober: Prober) => prober.greet(),
    "a key exchange": (prober: Prober) => prober.ready(),
  }).map(([name, script]): Probe => ({
    name,
    script: async (prober) => {
      await script(prober);
      await prober.until(() => prober.ended);
    },
  })),
};

const CROWD = 60;

/** They come and say nothing. How many are refused is chance; that the first ten are not, and what the others hear, is not. */
async function crowd(port: number): Promise<{ first: boolean; refused: number; refusal: readonly string[] }> {
  const probers: Prober[] = [];
  for (let count = 0; count < CROWD; count++) {
    const prober = new Prober(port, { patience: 100 });
    probers.push(prober);
    await prober.until(() => prober.heard.length > 0);
    if (prober.heard[0]?.includes("Exceeded") === true) await prober.until(() => prober.ended);
  }
  const heard = probers.map((prober) => prober.close());
  const refused = heard.filter(([line]) => line?.includes("SSH-") !== true);
  return {
    first: heard.slice(0, 10).every(([line]) => line?.includes("SSH-") === true),
    refused: refused.length,
    refusal: [...new Set(refused.map((lines) => lines.join("\n")))],
  };
}

/** Lists of its KEXINIT by the option of ssh that picks from them. */
async function offeredBy(port: number): Promise<Record<string, string[]>> {
  const prober = new Prober(port, { patience: 100 });
  await prober.greet();
  const { values } = strings(prober.packets[0] ?? Buffer.alloc(0), 17, 10);
  prober.close();
  const names = (at: number) => (values[at]?.toString("latin1") ?? "").split(",");
  return {
    KexAlgorithms: names(0).filter((name) => !/^(kex-strict|ext-info)-s/.test(name)),
    HostKeyAlgorithms: names(1),
    Ciphers: names(2),
    MACs: names(4),
    Compression: names(6),
  };
}

/** Whether ssh gets as far as being refused. */
async function agreesOn(port: number, option: string, name: string): Promise<boolean> {
  const value = option === "Compression" ? (name === "none" ? "no" : "yes") : name;
  const { stderr } = await run("ssh", [
    ...["-v", "-F", "/dev/null", "-p", String(port), "-o", `${option}=${value}`, "-o", "BatchMode=yes"],
    // A cipher that needs no MAC would make the MAC's name a matter of words.
    ...(option === "MACs" ? ["-o", "Ciphers=aes128-ctr"] : []),
    ...["-o", "PreferredAuthentications=none", "-o", "StrictHostKeyChecking=no"],
    ...["-o", "UserKnownHostsFile=/dev/null", "root@127.0.0.1", "true"],
  ]);
  const said = stderr.toString();
  return said.includes("Permission denied (publickey,password)") && said.includes(name);
}
