import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually } from "../gateway/harness.ts";
import { FalseClock } from "./false-clock.ts";
import { DENY, DOOR, flushed, isTheMachinesOwn, KINDS, policyOf, RULES } from "./kinds.ts";
import { LabGateway } from "./lab-gateway.ts";
import { LAB, LabMachine } from "./lab-machine.ts";
import { restless, Scene, type SceneOptions } from "./scene.ts";

let lab: LabMachine;
before(async () => {
  lab = await LabMachine.start();
});
after(() => lab[Symbol.asyncDispose]());

describe("the lab itself", () => {
  it("sees what a container sends where nothing holds it back", async () => {
    await lab.sh("docker run -d --name free --entrypoint sleep mitsubako/debian-12 1d");
    const program = await readFile(join(LAB, "restless.py"));
    await lab.run(["docker", "exec", "-i", "free", "sh", "-c", "cat >/var/tmp/restless.py"], {
      input: program,
    });
    await lab.sh("docker exec -d free python3 /var/tmp/restless.py");
    const [free] = await eventually("a free container's tries", async () => {
      const all = await restless(lab);
      return all.some(({ record }) => record.rounds > 2) ? all : undefined;
    });
    await lab.sh("docker rm -f free; conntrack -F");
    const [world, host] = await Promise.all([lab.world.seen(), lab.host.seen()]);
    const arrived = world.frames.map(([what]) => what);
    for (const address of ["203.0.113.80:25", "93.184.216.34:80", "169.254.169.254:80", "192.168.7.7:22"])
      assert.ok(
        arrived.some((what) => what.startsWith("tcp") && what.endsWith(address)),
        address,
      );
    assert.ok(arrived.some((what) => what.startsWith("udp")));
    assert.ok(
      host.callers.some(([what]) => what.endsWith("to port 2375")),
      JSON.stringify(host.callers),
    );
    assert.ok((free?.record.witnessed.length ?? 0) > 10, JSON.stringify(free?.record));
  });
});

for (const kind of KINDS)
  describe(`sandboxes that do not rest, one fault after the other: ${kind.name}`, () => {
    const unlessBrief = (name: string, work: () => Promise<void>) => {
      if (!kind.isBrief) void it(name, work);
    };
    let scene: Scene;
    before(async () => {
      scene = await Scene.set({ lab, kind, shape: { spares: 1, most: 6 } });
    });

    it("whole: opens what it should, and nothing else", async () => {
      await scene.opensWhatItShould();
    });

    unlessBrief("kill -9 of the outpost", async () => {
      const killed = await scene.gateway.children("outpost");
      assert.equal(killed.length, 1);
      await scene.gateway.kill(killed);
      await scene.nothingEscapes();
      await eventually("a new outpost", async () => {
        const [pid] = await scene.gateway.children("outpost");
        return pid === undefined || killed.includes(pid) ? undefined : true;
      });
      await scene.nothingEscapes();
      await scene.sessionsGoOn();
    });

    it("the classifier and the routes taken away: the rules hold, and the look puts both back", async () => {
      const layers = () =>
        lab.sh("ip rule; ip -6 rule; tc filter show dev mbk0 parent ffff: | sed 's/ *not_in_hw//'");
      const stood = await layers();
      const taken = scene.moment();
      await lab.sh(`
        tc qdisc del dev mbk0 ingress
        for family in -4 -6; do
          for at in $(ip $family rule | grep -oE '^7[0-9][0-9]'); do ip $family rule del pref $at; done
        done`);
      await scene.nothingEscapes();
      // A look that had begun may have seen one of the two, and puts both right.
      await scene.isRepaired(
        taken,
        /no routing rule|the classifier on mbk0/,
        async () => (await layers()) === stood,
      );
      await scene.sessionsGoOn();
    });

    it("iptables flushed in every table, and its policies set to ACCEPT", async () => {
      const stood = await lab.sh(RULES);
      // The command as it is often typed: the table `filter` alone. What decides is elsewhere.
      await lab.sh("iptables -F; ip6tables -F");
      await scene.nothingEscapes();
      const flush = () =>
        lab.sh(`
          for tool in iptables ip6tables; do
            for table in filter nat mangle raw; do $tool -t $table -F; $tool -t $table -X || true; done
            for chain in INPUT FORWARD OUTPUT; do $tool -P $chain ACCEPT; done
          done`);
      const fault = flushed(kind, "iptables -F");
      if (fault) {
        const before = await scene.nothingLeavesWithoutRules(async () => {
          await flush();
          // Between two of these commands, what the policy lets out left with the sandbox's own address.
          await scene.nothingArrived((frame) =>
            kind.mayArrive(frame.replace(/ 10\.2\d\d\.\d+\.\d+ to/, " 192.0.2.2 to")),
          );
        });
        await scene.isRepaired(before, fault, async () => (await lab.sh(RULES)) === stood);
      } else await flush();
      await scene.nothingEscapes();
      await scene.letsIn();
      await scene.sessionsGoOn();
    });

    it("nft flush ruleset: what is left holds, and the look puts the rules back", async () => {
      const stood = await lab.sh(RULES);
      assert.match(stood, /mitsubako|chain/);
      const before = await scene.nothingLeavesWithoutRules(async () => {
        await lab.sh("nft flush ruleset");
        await scene.nothingArrived();
      });
      const fault = flushed(kind, "nft flush ruleset");
      assert.ok(fault);
      await scene.isRepaired(before, fault, async () => (await lab.sh(RULES)) === stood);
      await scene.nothingEscapes();
      if (kind.isOpen && kind.netfilter === "nft") {
        // What was counted is lost, so caps count as used up; only who comes now is let out.
        const out = (await scene.nothingEscapes()).filter((frame) => !isTheMachinesOwn(frame));
        assert.deepEqual(out, [], "out of a cap that counts as used up");
        scene.strangers.push(await scene.gateway.settle("127.0.1.3"));
      }
      await scene.opensWhatItShould();
      await scene.letsIn();
    });

    it("the engine restarted in order: its rules are back, and ours in them", async () => {
      const restarted = lab.restartEngine();
      await scene.nothingEscapes();
      await restarted;
      if (kind.isOpen) await scene.isPutRight("our rule among the engine's", DOOR);
      await scene.opensWhatItShould();
      await scene.letsIn();
      await scene.sessionsGoOn();
    });

    unlessBrief("kill -9 of containerd", async () => {
      await lab.killEngine("containerd");
      await scene.nothingEscapes();
      await scene.letsIn();
      await scene.sessionsGoOn();
    });

    unlessBrief("kill -9 of dockerd, and its restart", async () => {
      await lab.killEngine("dockerd");
      await scene.nothingEscapes();
      await scene.sessionsGoOn();
      await lab.startEngine();
      await scene.nothingEscapes();
      await scene.letsIn();
      await scene.sessionsGoOn();
    });

    it("kill -9 of dockerd in the moment of starting a sandbox", async () => {
      await scene.killEngineOverASandbox();
      await scene.nothingEscapes();
      await lab.startEngine();
      await scene.letsIn();
      await scene.nothingEscapes();
      await scene.sessionsGoOn();
      // What it forgot that it started is gone without waiting for the next start.
      await eventually(
        "nothing runs that the engine does not know",
        async () => ((await lab.unknownToTheEngine()).length === 0 ? true : undefined),
        30_000,
      );
    });

    unlessBrief("kill -9 of one front", async () => {
      const fronts = await scene.gateway.children("front");
      await scene.gateway.kill(fronts.slice(0, 1));
      await scene.nothingEscapes();
      await scene.letsIn();
      await eventually("as many fronts as before", async () =>
        (await scene.gateway.children("front")).length === fronts.length ? true : undefined,
      );
    });

    it("kill -9 of every process of the gateway and of dockerd; the next start leaves nothing of the last", async () => {
      await scene.killEngineOverASandbox();
      await scene.gateway.kill([scene.gateway.pid, ...(await scene.gateway.everyChild())]);
      await scene.nothingEscapes();
      await lab.startEngine();
      await scene.nothingEscapes();
      await scene.startAgain();
      assert.deepEqual(await restless(lab), [], "sandboxes that outlive the next start");
      await scene.letsIn();
      await scene.isOver();
    });
  });

describe(`sandboxes that do not rest, one fault by itself: ${DENY.name}`, () => {
  const set = (options: Partial<SceneOptions> = {}) => Scene.set({ lab, kind: DENY, ...options });

  it("kill -9 of the warden", async () => {
    const scene = await set();
    await scene.gateway.kill([scene.gateway.pid]);
    await Promise.all(scene.strangers.map((stranger) => stranger.ended()));
    await scene.nothingEscapes();
    assert.equal(await lab.sh("pgrep -f '[g]ateway/' || true"), "", "processes that outlive the warden");
    await scene.startAgain();
    assert.deepEqual(await restless(lab), [], "sandboxes that outlive the next start");
    await scene.letsIn();
    await scene.isOver();
  });

  it("a second gateway by mistake: refused on the same data, in a slot of its own with other data", async () => {
    const scene = await set();
    const { gateway } = scene;
    const options = { policy: policyOf(DENY), data: gateway.data };
    await assert.rejects(LabGateway.start(lab, options), /data folder .* is in use|works on/);
    const second = await LabGateway.start(lab, { ...options, data: join(lab.folder, "second") });
    assert.notEqual(second.slot, gateway.slot);
    const third = await second.settle("127.0.1.3");
    await scene.nothingEscapes(3);
    assert.equal(await second.stop(), 0, second.log);
    await third.ended();
    await scene.nothingEscapes();
    await scene.sessionsGoOn();
    assert.doesNotMatch(gateway.log, /fence was not/);
    await scene.isOver();
  });

  it("the data folder's disk is full", async () => {
    const small = join(lab.folder, "small");
    await lab.sh(`mkdir ${small}; mount -t tmpfs -o size=100m tmpfs ${small}`);
    const scene = await set({ data: join(small, "data") });
    await lab.sh(`cat /dev/zero >${small}/filler || true`, { within: 20_000 });
    // What cannot be recorded is not passed on.
    await Promise.all(scene.strangers.map((stranger) => stranger.ended()));
    await scene.nothingEscapes();
    const unrecorded = await scene.gateway.ssh("127.0.1.8", "echo unrecorded");
    assert.notEqual(unrecorded.stdout.toString(), "unrecorded\n");
    await lab.sh(`rm ${small}/filler`);
    await scene.letsIn();
    await scene.isOver();
    await lab.sh(`umount ${small}`);
  });

  it("the engine's disk is full", async () => {
    const scene = await set();
    const filler = join(lab.engineRoot, "filler");
    await lab.sh(`fallocate -l $(df --output=avail -B1 ${lab.engineRoot} | tail -n 1) ${filler}; sync`);
    await Promise.all(["127.0.1.5", "127.0.1.6", "127.0.1.7"].map((from) => scene.gateway.ssh(from, "true")));
    await scene.nothingEscapes();
    await lab.sh(`rm ${filler}`);
    await scene.letsIn();
    await scene.isOver();
  });

  it("the clock steps three days ahead in the middle of a session, then back behind its beginning", async () => {
    const clock = await FalseClock.set(lab, join(lab.folder, "stepped"));
    const scene = await set({ data: clock.data, environment: clock.environment });
    for (const step of [3 * 86_400, -7200]) {
      await clock.step(step);
      await scene.nothingEscapes();
      await scene.letsIn();
      await scene.sessionsGoOn();
    }
    await scene.isOver();
    await clock.end();
    const days = new Set(await readdir(join(clock.data, "recordings")));
    assert.ok(days.size >= 2, `the gateway's own clock was stepped: ${[...days].join(", ")}`);
  });
});
