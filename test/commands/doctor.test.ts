/** `doctor` on this machine, with its real engine. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Engine } from "../../gateway/sandbox/docker.ts";
import { learnEngine, type EngineFacts } from "../../gateway/sandbox/engine-facts.ts";
import { openFilesNeeded, openFilesPossible } from "../../gateway/warden/open-files.ts";
import { run, type Ran } from "../gateway/harness.ts";

const ROOT = join(import.meta.dirname, "..", "..");
let folder: string;
let facts: EngineFacts;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "mitsubako-doctor-"));
  facts = await learnEngine(new Engine());
});
after(() => rm(folder, { recursive: true }));

interface Finding {
  readonly state: string;
  readonly says: string;
}

async function mitsubako(command: string, policy: string, ...more: string[]): Promise<Ran> {
  const path = join(folder, "policy.yaml");
  await writeFile(path, `listen: ["127.0.0.1:0"]\n${policy}\n`);
  return run(
    process.execPath,
    ["gateway/main.ts", command, "--policy", path, "--data", join(folder, "data"), ...more],
    { cwd: ROOT },
  );
}

async function doctor(policy: string): Promise<{ code: number | null; of: (what: string) => Finding }> {
  const { code, stdout, stderr } = await mitsubako("doctor", policy, "--no-probe", "--json");
  assert.equal(stderr.toString(), "");
  const findings = JSON.parse(stdout.toString()) as (Finding & { what: string })[];
  return {
    code,
    of: (what) => findings.find((finding) => finding.what === what) ?? assert.fail(`nothing about ${what}`),
  };
}

test("what holds on this machine is said to hold", async () => {
  const { code, of } = await doctor(
    "sandbox: { most: 2, disk: 64m, memory: 32m }\nlimits: { diskFloor: 1m }",
  );
  assert.equal(code, 0);
  for (const what of ["seccomp", "runtime", "disk floor", "open files"])
    assert.equal(of(what).state, "good", `${what}: ${of(what).says}`);
  assert.equal(of("limits").state, facts.diskCap ? "good" : "warning");
  assert.equal(of("user namespaces").state, facts.remap.uid === 0 ? "warning" : "good");
});

test("what policy check warns of is said, and Docker Engine is asked whether it has user namespaces", async () => {
  const policy =
    "sandbox: { most: 2, disk: 64m, life: 1h }\ndeadlines: { idle: 5m }\nlimits: { diskFloor: 1m }";
  const { stdout } = await mitsubako("doctor", policy, "--no-probe", "--json");
  const said = (JSON.parse(stdout.toString()) as (Finding & { what: string })[])
    .filter(({ what, state }) => what === "policy" && state === "warning")
    .map(({ says }) => says);
  assert.ok(said.some((says) => /policy\.yaml:\d+:\d+: deadlines\.session is 6h, longer than/.test(says)));
  const ofRoot = said.filter((says) => says.includes("auth.root"));
  if (facts.remap.uid === 0) assert.match(ofRoot[0] ?? "", /Docker Engine here has none/);
  else assert.deepEqual(ofRoot, []);
});

test("each limit that this machine cannot hold is named, and what has to be done", async () => {
  const policy = `sandbox: { most: 4000, memory: 100g, disk: 100g, deviceWriteRate: 1m, cpuset: "0-99" }
limits: { connections: 100000, diskFloor: 1m }`;
  const { code, of } = await doctor(policy);
  assert.equal(code, 0, "it would run");
  const limits = of("limits");
  assert.equal(limits.state, "warning");
  assert.match(limits.says, /sandbox\.cpuset is not enforced: this machine has no CPU 99/);
  assert.match(limits.says, /409600000 MiB of memory/);
  assert.equal(
    /sandbox\.deviceWriteRate holds for writes that are waited for/.test(limits.says),
    facts.cgroups === 1,
  );
  assert.equal(of("disk floor").state, "warning");
  assert.match(of("disk floor").says, /409600000 MiB/);
  const isEnough = openFilesPossible() >= openFilesNeeded(100_000);
  assert.equal(of("open files").state, isEnough ? "good" : "warning");
  if (!isEnough)
    assert.match(of("open files").says, /may need 300128 open files.*lower limits\.connections to \d+\./);
});

test("what cannot start is bad; the start refuses it in one sentence with its remedy", async () => {
  const policy = "sandbox: { runtime: runsc-of-nobody }\nlimits: { diskFloor: 1000 TiB }";
  const { code, of } = await doctor(policy);
  assert.equal(code, 1);
  assert.equal(of("runtime").state, "bad");
  assert.match(of("runtime").says, /which Docker Engine does not know.*choose one of: .*runc/);
  assert.equal(of("disk floor").state, "bad");
  const { code: exit, stderr } = await mitsubako("serve", policy);
  assert.equal(exit, 2);
  assert.match(
    stderr.toString(),
    /^mitsubako: sandbox\.runtime is runsc-of-nobody, which Docker Engine does not know; no sandbox could start\. Install it/m,
  );
});
