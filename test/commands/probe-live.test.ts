/** `doctor` with its probe on a machine of its own: whole, broken in several ways, interrupted, killed. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { policyOf, SINKHOLE } from "../failures/kinds.ts";
import { LabGateway } from "../failures/lab-gateway.ts";
import { LabMachine } from "../failures/lab-machine.ts";
import { differences, labState, type LabState } from "../failures/lab-state.ts";
import type { Seen } from "../failures/witness.ts";

const MAIN = join(import.meta.dirname, "../../gateway/main.ts");
const BROKEN = join(import.meta.dirname, "lab/broken-fence.ts");
/** Milliseconds for one probe where much else runs; it takes about 7,000. */
const BUSY = 180_000;
const NOTHING: Seen = { frames: [], callers: [], lost: 0 };

interface Finding {
  readonly what: string;
  readonly state: "good" | "warning" | "bad";
  readonly says: string;
}

describe("what a sandbox can reach, tried by doctor", () => {
  let lab: LabMachine;
  let clean: LabState;

  before(async () => {
    lab = await LabMachine.start();
    clean = await labState(lab);
  });
  after(() => lab[Symbol.asyncDispose]());

  async function doctor(network: string): Promise<string[]> {
    const policy = join(lab.folder, "policy.yaml");
    const sandbox = "{ most: 2, disk: 64m, memory: 64m }";
    await writeFile(
      policy,
      `listen: ["127.0.0.1:0"]\nsandbox: ${sandbox}\nlimits: { diskFloor: 0 }\nnetwork: ${network}\n`,
    );
    const folders = ["--policy", policy, "--data", join(lab.folder, "data")];
    return ["env", `TMPDIR=${lab.folder}`, process.execPath, MAIN, "doctor", ...folders];
  }

  async function examined(network: string): Promise<{ code: number | null; probes: Finding[] }> {
    const { code, stdout, stderr } = await lab.run([...(await doctor(network)), "--json"], { within: BUSY });
    assert.equal(stderr.toString(), "");
    const findings = JSON.parse(stdout.toString()) as Finding[];
    return { code, probes: findings.filter(({ what }) => what.startsWith("probe")) };
  }

  async function broken(way: string): Promise<(what: RegExp) => Finding> {
    await seenNothing("before");
    const { code, stdout, stderr } = await lab.run([process.execPath, BROKEN, way], { within: BUSY });
    assert.equal(code, 0, stderr.toString());
    const findings = JSON.parse(stdout.toString()) as Finding[];
    return (what) =>
      findings.find((each) => what.test(each.what)) ?? assert.fail(`nothing about ${what.source}`);
  }

  /** Nobody in the lab's world, and no service of its host, was reached. */
  async function seenNothing(when: string): Promise<void> {
    const [world, host] = await Promise.all([lab.world.seen(), lab.host.seen()]);
    if (when === "before") return;
    assert.deepEqual(world.frames, NOTHING.frames);
    assert.deepEqual(world.callers, NOTHING.callers);
    assert.deepEqual(host.callers, NOTHING.callers);
  }

  async function leftNothing(): Promise<void> {
    assert.deepEqual(differences(clean, await labState(lab)), []);
  }

  for (const [network, mode, ...says] of [
    [
      "{ egress: deny }",
      "deny",
      [/TCP port 80 of the Internet/, /^dropped, as it should be$/],
      [/UDP port 53 of the Internet/, /^dropped, as it should be$/],
    ],
    [
      '{ egress: sinkhole, ports: [{ ports: "443", egress: deny }] }',
      "sinkhole",
      [/TCP port 80 of the Internet/, /^the outpost answered, as the policy says$/],
      [/TCP port 25 of the Internet/, /^the outpost answered, as the policy says$/],
      [/TCP port 443 of the Internet/, /^dropped, as it should be$/],
      [/UDP port 53 of the Internet/, /^our resolver answered, as the policy says$/],
    ],
    [
      '{ egress: dns, dns: { resolvers: [192.0.2.1] }, ports: [{ ports: "8443", egress: limited }] }',
      "dns",
      [/TCP port 8443 of the Internet/, /^let out, as the policy says; the probe held it back$/],
      [/TCP port 80 of the Internet/, /^dropped, as it should be$/],
      [/UDP port 53 of the Internet/, /and asked 192\.0\.2\.1; the probe held that back$/],
    ],
  ] as [string, string, ...[RegExp, RegExp][]][])
    it(`${mode}: all is as the policy says, nothing gets out meanwhile, and nothing is left`, async () => {
      await seenNothing("before");
      const { code, probes } = await examined(network);
      assert.deepEqual(
        probes.filter(({ state }) => state !== "good"),
        [],
      );
      assert.equal(code, 0);
      assert.match(probes[0]?.says ?? "", new RegExp(`network\\.egress: ${mode}, in slot 15`));
      for (const [what, wanted] of [
        ...says,
        [/metadata \(169\.254\.169\.254\)/, /^dropped, as it should be$/],
        [/TCP port 22 of this machine's bridge/, /^dropped, as it should be$/],
        [/TCP port 22 of the other sandbox/, /^dropped at the sandbox's own port/],
        [/a socket for forged frames/, /^cannot be done in a sandbox at all \(EPERM\)$/],
        [/docker\.sock/, /^cannot be done in a sandbox at all \(ENOENT\)$/],
        [/any frame to the other sandbox/, /^none came through/],
        [/what it leaves/, /^nothing$/],
      ] satisfies [RegExp, RegExp][]) {
        const finding = probes.find((each) => what.test(each.what));
        assert.match(finding?.says ?? "", wanted, what.source);
      }
      await seenNothing("after");
      await leftNothing();
    });

  it("with every layer of the fence torn down it says what would have got out and to whom, and still holds it back", async () => {
    const of = await broken("torn");
    for (const what of [
      /TCP port 80 of the Internet/,
      /UDP port 53 of the Internet/,
      /169\.254\.169\.254/,
      /private network/,
      /this machine's network \(192\.0\.2/,
    ])
      // prettier-ignore
      assert.match(`${of(what).state} ${of(what).says}`, /^bad .*would have left this machine/, what.source);
    for (const what of [
      /TCP port 22 of this machine's bridge/,
      /UDP port 53 of this machine's bridge/,
      /TCP port 2222 of this machine \(192\.0\.2\.2\)/,
    ])
      // prettier-ignore
      assert.match(`${of(what).state} ${of(what).says}`, /^bad .*came through to this machine/, what.source);
    for (const what of [/TCP port 22 of the other sandbox/, /UDP port 9 of the other sandbox/])
      assert.match(
        `${of(what).state} ${of(what).says}`,
        /^bad .*came through to another sandbox/,
        what.source,
      );
    assert.equal(of(/any frame to the other sandbox/).state, "bad");
    assert.equal(of(/what it leaves/).state, "good");
    await seenNothing("after");
  });

  it("a fence that lets out more than the policy says is found out, though all of it stands", async () => {
    const of = await broken("opened");
    assert.equal(of(/the fence$/).state, "good");
    const web = of(/TCP port 80 of the Internet/);
    assert.match(`${web.state} ${web.says}`, /^bad .*would have left this machine/);
    assert.equal(of(/TCP port 22 of the Internet/).state, "good", "bots' ports stay shut");
    assert.equal(of(/169\.254\.169\.254/).state, "good", "fences stay shut");
    await seenNothing("after");
  });

  it("a sinkhole that answers nobody is found out, and nothing leaves in its place", async () => {
    const of = await broken("deserted");
    const web = of(/TCP port 80 of the Internet/);
    assert.match(`${web.state} ${web.says}`, /^bad .*(nothing came of it|would have left)/);
    await seenNothing("after");
  });

  it("beside a gateway that runs it takes a slot of its own, and the gateway goes on", async () => {
    const gateway = await LabGateway.start(lab, {
      policy: policyOf(SINKHOLE, { spares: 0 }),
      data: join(lab.folder, "beside"),
    });
    const { probes } = await examined("{ egress: deny }");
    assert.deepEqual(
      probes.filter(({ state }) => state !== "good"),
      [],
    );
    const login = await gateway.ssh("127.0.1.9", "echo here");
    assert.equal(login.stdout.toString(), "here\n", gateway.log);
    assert.equal(await gateway.stop(), 0);
  });

  it("Ctrl-C ends it, and all of it goes first", async () => {
    // What the tests before have changed of the machine itself is not its doing.
    const before = await labState(lab);
    const child = lab.spawn(await doctor("{ egress: sinkhole }"));
    let said = "";
    child.stdout.on("data", (text) => (said += String(text)));
    await sandboxThere(lab);
    await lab.sh(`pkill -INT -f '^${process.execPath} ${MAIN} doctor'`);
    const [code] = (await once(child, "close")) as [number | null];
    assert.equal(code, 130, said);
    assert.match(said, /BAD {4}probe: interrupted by SIGINT\n/);
    assert.match(said, /probe: what it leaves: nothing\n/);
    assert.deepEqual(differences(before, await labState(lab)), []);
  });

  it("killed, it leaves a slot in which nothing passes, and `reap` takes all of it away", async () => {
    const before = await labState(lab);
    const child = lab.spawn(await doctor("{ egress: sinkhole }"));
    await sandboxThere(lab);
    await lab.sh(`pkill -KILL -f '^${process.execPath} ${MAIN} doctor'`);
    await once(child, "close");
    const reaped = await lab.sh(`${process.execPath} ${MAIN} reap`);
    assert.match(reaped, /slot 15: removed the table of a probe that was killed\n/);
    assert.deepEqual(differences(before, await labState(lab)), []);
  });

  it("says in one sentence why it could not be tried", async () => {
    const folders = ["--policy", join(lab.folder, "policy.yaml"), "--data", join(lab.folder, "data")];
    const main = [process.execPath, MAIN, "doctor", ...folders];
    const engineless = await lab.run(["env", "DOCKER_HOST=unix:///nowhere.sock", ...main]);
    assert.match(
      engineless.stdout.toString(),
      /warn {3}probe: nothing was tried from inside a sandbox\. Docker Engine does not answer/,
    );
    await writeFile(
      join(lab.folder, "policy.yaml"),
      'listen: ["127.0.0.1:0"]\npersona: { name: of-nobody }\nlimits: { diskFloor: 0 }\n',
    );
    const imageless = await lab.run(main);
    assert.match(
      imageless.stdout.toString(),
      /warn {3}probe: nothing was tried from inside a sandbox\. .*no sandbox image of the persona of-nobody.*image build/,
    );
    const left = await lab.run([...main, "--no-probe"]);
    assert.match(left.stdout.toString(), /ok {5}probe: left out, as --no-probe says\n/);
  });
});

async function sandboxThere(lab: LabMachine): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if ((await lab.sh("docker ps -q")) !== "") return;
    await sleep(50);
  }
  assert.fail("no sandbox was started");
}
