/** One gateway with two strangers who do not rest, before and after something is done to it. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { eventually } from "../gateway/harness.ts";
import { isTheMachinesOwn, policyOf, type Kind, type Shape } from "./kinds.ts";
import { LabGateway, MAIN } from "./lab-gateway.ts";
import type { LabMachine } from "./lab-machine.ts";
import { differences, labState, type LabState } from "./lab-state.ts";
import { readRecordings } from "./recordings.ts";
import type { Stranger } from "./stranger.ts";

/** What a restless program keeps of itself; see lab/restless.py. */
export interface Restless {
  readonly rounds: number;
  readonly tries: number;
  readonly answered: readonly string[];
  readonly witnessed: readonly string[];
}

export interface SceneOptions {
  readonly lab: LabMachine;
  readonly kind: Kind;
  readonly shape?: Shape;
  /** Default: a new folder of the lab. */
  readonly data?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The gateway's look comes every 15 s; then it has to ask, and to put right, on a machine that may have much to do. */
const REPAIRED_WITHIN = 30_000;
const REPAIR = "the fence was not as it should be; it is put right";

/** Right before something is done to a scene. */
export interface Moment {
  readonly at: number;
  /** How much the gateway had said. */
  readonly said: number;
}

let scenes = 0;
/** The one that is set and not over; a test that failed has left it so. */
let unfinished: Scene | undefined;

export class Scene {
  readonly lab: LabMachine;
  /** All whose bytes have to be in the recordings. */
  readonly strangers: Stranger[];
  readonly #options: SceneOptions;
  readonly data: string;
  readonly #before: LabState;
  #gateway: LabGateway;
  #newcomers = 0;

  private constructor(
    options: SceneOptions,
    parts: { data: string; before: LabState; gateway: LabGateway; strangers: Stranger[] },
  ) {
    this.lab = options.lab;
    this.#options = options;
    this.data = parts.data;
    this.#before = parts.before;
    this.#gateway = parts.gateway;
    this.strangers = parts.strangers;
  }

  static async set(options: SceneOptions): Promise<Scene> {
    const { lab, kind, shape } = options;
    await unfinished?.tidy();
    const data = options.data ?? join(lab.folder, `data-${++scenes}`);
    const before = await labState(lab);
    await Promise.all([lab.world.seen(), lab.host.seen()]);
    const gateway = await LabGateway.start(lab, {
      data,
      policy: policyOf(kind, shape),
      ...(options.environment ? { environment: options.environment } : {}),
    });
    const strangers = await Promise.all([gateway.settle("127.0.1.1"), gateway.settle("127.0.1.2")]);
    unfinished = new Scene(options, { data, before, gateway, strangers });
    return unfinished;
  }

  get gateway(): LabGateway {
    return this.#gateway;
  }

  /** Starts a gateway on the same data folder, as an operator would whose gateway has died. */
  async startAgain(): Promise<LabGateway> {
    const { kind, shape, environment } = this.#options;
    this.#gateway = await LabGateway.start(this.lab, {
      data: this.data,
      policy: policyOf(kind, shape),
      ...(environment ? { environment } : {}),
    });
    return this.#gateway;
  }

  /** Waits until every restless program that lives has gone around twice more, then looks at where its tries came out. Gives what may. */
  async nothingEscapes(least = 2): Promise<string[]> {
    // One that has just been left there tells of itself after its first round.
    const began = await eventually(
      `${least} restless programs live`,
      async () => {
        const all = await restless(this.lab);
        return all.length >= least ? all : undefined;
      },
      30_000,
    );
    const wanted = new Map(began.map(({ pid, record }) => [pid, record.rounds + 3]));
    const now = await eventually(
      "two more rounds of every restless program",
      async () => {
        const all = await restless(this.lab);
        return all.every(({ pid, record }) => record.rounds >= (wanted.get(pid) ?? 0)) ? all : undefined;
      },
      30_000,
    );
    const arrived = await this.nothingArrived();
    for (const { record } of now) {
      const reached = record.witnessed.filter((place) => !this.#options.kind.mayReach(place));
      assert.deepEqual(reached, [], "a sandbox was answered");
    }
    return arrived;
  }

  /** Nothing that may not. Gives what did, since it was last looked. */
  async nothingArrived(mayArrive = this.#options.kind.mayArrive): Promise<string[]> {
    // What is under way arrives within this.
    await sleep(50);
    const [world, host] = await Promise.all([this.lab.world.seen(), this.lab.host.seen()]);
    const escaped = world.frames.filter(([what]) => !mayArrive(what));
    assert.deepEqual(escaped, [], "packets came out into the world");
    assert.equal(world.lost, 0, "frames that could not be looked at");
    assert.deepEqual(host.callers, [], "the machine's own services were reached");
    return world.frames.map(([what]) => what);
  }

  /**
   * Flushes rules of ours (`flush`), without which nothing at all may leave. Again, if the look has put them back before that could be
   * seen. Gives the moment right before.
   */
  async nothingLeavesWithoutRules(flush: () => Promise<void>): Promise<Moment> {
    for (let times = 1; ; times++) {
      const before = this.moment();
      await flush();
      const left = (await this.nothingEscapes()).filter((frame) => !isTheMachinesOwn(frame));
      if (times < 3 && this.#gateway.log.slice(before.said).includes(REPAIR)) continue;
      assert.deepEqual(left, [], "without rules nothing at all may leave");
      return before;
    }
  }

  /** Two rounds of tries: what the policy opens comes to the world, and nothing else does. */
  async opensWhatItShould(): Promise<void> {
    // What left before is not asked about.
    await this.nothingArrived();
    const outside = await this.nothingEscapes();
    if (!this.#options.kind.isOpen) {
      assert.deepEqual(outside, []);
      return;
    }
    for (const wanted of ["tcp 192.0.2.2 to 93.184.216.34:80", "udp 192.0.2.2 to 203.0.113.80:2222"])
      assert.ok(outside.includes(wanted), `${wanted} is not among ${outside.join(", ")}`);
  }

  /** A stranger from elsewhere gets in, and so a sandbox of its own. */
  async letsIn(within = 60_000): Promise<void> {
    const from = `127.0.2.${++this.#newcomers}`;
    let last = "";
    await eventually(
      "a new stranger is let in",
      async () => {
        const { code, stdout, stderr } = await this.#gateway.ssh(from, "echo inside");
        last = stderr.toString();
        return code === 0 && stdout.toString() === "inside\n" ? true : undefined;
      },
      within,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\nssh: ${last}\ngateway: ${this.#gateway.log.slice(-3000)}`);
    });
  }

  /** Each stranger who is meant to be in is sent more. */
  async sessionsGoOn(strangers: readonly Stranger[] = this.strangers): Promise<void> {
    const had = strangers.map(({ received }) => received.length);
    await eventually("every session goes on", () =>
      Promise.resolve(
        strangers.every(({ received }, index) => received.length > (had[index] ?? 0)) || undefined,
      ),
    );
  }

  /** The engine is killed in the very moment of starting a sandbox; it will not know then that it did. */
  async killEngineOverASandbox(): Promise<void> {
    const { gateway, lab } = this;
    let isKilled = false;
    const killing = lab
      .sh(
        `until for id in $(docker ps -aq --no-trunc --filter status=created); do ! pgrep -f "[c]ontainerd-shim.* -id $id" || break; done | grep -q .; do :; done
        pkill -KILL -x dockerd; while pgrep -x dockerd >/dev/null; do sleep 0.02; done`,
        { within: 90_000 },
      )
      .finally(() => (isKilled = true));
    // One takes the spare; for the other a sandbox is made, maybe too fast to be caught at it. The engine's end may be the end of their visit.
    const visits = async () => {
      while (!isKilled)
        await Promise.allSettled([1, 2].map(() => gateway.ssh(`127.0.2.${++this.#newcomers}`, "true")));
    };
    await Promise.all([killing, visits()]);
  }

  /** What the gateway said last, every process and every connection of the lab: for a failure that nobody was there to see. */
  async portrait(): Promise<string> {
    const { stdout } = await this.lab.run([
      ...["sh", "-c"],
      "ps -eo pid,ppid,stat,etimes,wchan:20,args | cut -c1-160; ss -tanp | cut -c1-160",
    ]);
    return `${this.#gateway.log.slice(-8000)}\n${stdout.toString().slice(0, 30_000)}`;
  }

  moment(): Moment {
    return { at: performance.now(), said: this.#gateway.log.length };
  }

  /** The periodic look has said what was wrong (`fault`) and put it right, in its time since then. */
  async isRepaired(since: Moment, fault: RegExp, isWhole: () => Promise<boolean>): Promise<void> {
    const left = since.at + REPAIRED_WITHIN - performance.now();
    const said = () => this.#gateway.log.slice(since.said).split("\n");
    await eventually(
      `the look reports ${fault.source}`,
      () => Promise.resolve(said().some((line) => line.includes(REPAIR) && fault.test(line)) || undefined),
      left,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.#gateway.log.slice(-3000)}`);
    });
    // A look in the middle of what was done has put only a part right.
    await eventually(
      "what was reported is repaired",
      async () => (await isWhole()) || undefined,
      REPAIRED_WITHIN,
    );
  }

  /** The look has come, whatever it found worth telling: `commands` succeed. */
  async isPutRight(what: string, commands: string): Promise<void> {
    await eventually(
      what,
      async () => ((await this.lab.run(["sh", "-c", commands])).code === 0 ? true : undefined),
      REPAIRED_WITHIN,
    );
  }

  /** Stops the gateway; nothing of it and of all before it is left, and every recording can be read. */
  async isOver(): Promise<void> {
    const code = await this.#gateway.stop();
    assert.equal(code, 0, this.#gateway.log.slice(-3000));
    await Promise.all(this.strangers.map((stranger) => stranger.ended()));
    await this.nothingArrived();
    await this.recordingsAreWhole();
    await this.nothingIsLeft();
    unfinished = undefined;
  }

  /** Takes away whatever a test that failed has left, so that the next one starts afresh. */
  async tidy(): Promise<void> {
    unfinished = undefined;
    await this.lab.sh(`
      pkill -KILL -f '[g]ateway/main.ts' || true
      umount /usr/bin/unshare || true
      rm -f ${this.lab.engineRoot}/filler`);
    await this.lab.killEngine("dockerd");
    await this.lab.startEngine();
    await this.lab.sh(`
      ${process.execPath} ${MAIN} reap
      pkill -KILL -f '[r]unc init' || true
      pkill -KILL -f '[c]ontainerd-shim' || true`);
  }

  async nothingIsLeft(): Promise<void> {
    let left: string[] = [];
    // The engine gives some things back a moment after it has said so.
    await eventually("nothing is left", async () => {
      left = differences(this.#before, await labState(this.lab));
      return left.length === 0 ? true : undefined;
    }, 20_000).catch(() => undefined); // prettier-ignore
    assert.deepEqual(left, [], "what the gateway left behind");
  }

  /** No damage in any, none left in `live`, and in each stranger's all that the client ever received: recorded before forwarded. */
  async recordingsAreWhole(): Promise<void> {
    const all = await readRecordings(this.lab.inside(this.data));
    assert.deepEqual(
      all
        .filter(({ damage, live }) => damage !== undefined || live)
        .map(({ session, damage }) => [session, damage]),
      [],
    );
    for (const stranger of this.strangers) {
      const { received } = stranger;
      assert.ok(received.length > 0);
      assert.ok(
        all.some(({ played }) => played.subarray(0, received.length).equals(received)),
        `what a client received is in no recording: ${JSON.stringify(received.subarray(-60).toString())}`,
      );
    }
  }
}

/** Every restless program that lives, and what it keeps of itself. */
export async function restless(lab: LabMachine): Promise<{ pid: number; record: Restless }[]> {
  const printed = await lab.sh(
    `for p in $(pgrep -f '^python3 /var/tmp/[r]estless'); do echo "$p $(cat /proc/$p/root/dev/shm/restless.json)" || true; done`,
  );
  return printed.split("\n").flatMap((line) => {
    const [, pid, json] = /^(\d+) (\{.*\})$/.exec(line) ?? [];
    return json === undefined ? [] : [{ pid: Number(pid), record: JSON.parse(json) as Restless }];
  });
}
