import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, it } from "node:test";
import { eventually, mitsubako } from "../gateway/harness.ts";
import { by, LIMITED } from "./kinds.ts";
import { LAB, LabMachine } from "./lab-machine.ts";
import { readRecordings } from "./recordings.ts";
import { restless, Scene } from "./scene.ts";
import { Stranger } from "./stranger.ts";

/** As many as MITSUBAKO_KILLS asks for, by MITSUBAKO_ENGINE. Without it 100, or at least 20 and those that fit in two minutes. */
const ASKED = process.env["MITSUBAKO_KILLS"];
const KILLS = Number(ASKED ?? 100);
const [LEAST, ENOUGH_AFTER] = ASKED === undefined ? [20, 120_000] : [KILLS, 0];
const KIND = process.env["MITSUBAKO_ENGINE"] === "iptables" ? by("iptables", LIMITED) : LIMITED;
const SEED = Number(process.env["MITSUBAKO_SEED"] ?? Date.now() % 1_000_000);
const SOURCES = ["127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4"];

/** Who dies, as often as it stands here. */
const VICTIMS = ["front", "front", "front", "front", "archivist", "archivist", "outpost", "warden"] as const;

/** What strangers do: nothing much, much output, staying. Each says first who they are. */
const ERRANDS = [
  "true",
  "head -c 300000 /dev/urandom | base64",
  "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i; sleep 0.05; done",
  "dd if=/dev/zero of=/var/tmp/big bs=1M count=8; rm /var/tmp/big; passwd -S root",
] as const;

let lab: LabMachine;
before(async () => {
  lab = await LabMachine.start();
});
after(() => lab[Symbol.asyncDispose]());

describe(`up to ${KILLS} kills at random, ${KIND.name}, MITSUBAKO_SEED=${SEED}`, () => {
  it("nothing gets out, no recording is damaged, nothing is left", async (context) => {
    const random = generator(SEED);
    const scene = await Scene.set({ lab, kind: KIND });
    const load = new Load(scene, await readFile(join(LAB, "restless.py")), generator(SEED + 1));
    const working = SOURCES.map((source) => load.run(source));
    const killed = await killAtRandom(scene, load, random).finally(() => {
      load.enough();
      return Promise.all(working);
    });
    context.diagnostic(`killed, ${killed}; sessions: ${load.served} served, ${load.turnedAway} turned away`);
    scene.strangers.push(...load.strangers);
    await scene.letsIn();
    await scene.nothingEscapes(1);
    await scene.isOver();
    const recordings = await readRecordings(scene.data);
    const recorded = recordings.filter(({ isBegun }) => isBegun).map(({ session }) => session);
    assert.ok(recordings.length - recorded.length < 5, "many recordings without a beginning");
    const { stdout } = await mitsubako(scene, "sessions", "--json", "--limit", "100000");
    const lines = stdout.toString().trim().split("\n");
    const listed = lines.map((line) => (JSON.parse(line) as { id: string }).id);
    const apart = [...recorded, ...listed].filter((id) => !recorded.includes(id) || !listed.includes(id));
    const said = scene.gateway.log.split("\n").filter((line) => apart.some((id) => line.includes(id)));
    assert.deepEqual(
      apart,
      [],
      `sessions of index or recordings alone; of them was said:\n${said.join("\n")}`,
    );
    assert.equal(listed.length, recorded.length);
  });
});

/** One process after the other, each while somebody is served; a warden is started again. Tells how many of each. */
async function killAtRandom(scene: Scene, load: Load, random: () => number): Promise<string> {
  const killed: Record<string, number> = {};
  const began = performance.now();
  const isOver = (count: number) =>
    count >= KILLS || (count >= LEAST && performance.now() - began > ENOUGH_AFTER);
  for (let count = 0; !isOver(count);) {
    const served = load.served;
    await eventually("a session is served", () => Promise.resolve(load.served > served || undefined), 90_000)
      // What hung is over when the test is: this is all that tells of it.
      .catch(async (error: unknown) => {
        throw new Error(`${String(error)}\n${await scene.portrait()}\nstrangers: ${load.whereabouts()}`);
      });
    await eventually(
      "a program that does not rest",
      async () => (await restless(scene.lab)).length > 0 || undefined,
      90_000,
    );
    await sleep(random() * 500);
    const role = VICTIMS[Math.floor(random() * VICTIMS.length)] ?? "front";
    const victims = role === "warden" ? [scene.gateway.pid] : await scene.gateway.children(role);
    const victim = victims[Math.floor(random() * victims.length)];
    // It is being started again.
    if (victim === undefined) continue;
    count++;
    killed[role] = (killed[role] ?? 0) + 1;
    await scene.gateway.kill([victim]);
    if (role === "warden") await scene.startAgain();
    await scene.nothingArrived();
  }
  const all = Object.values(killed).reduce((sum, each) => sum + each, 0);
  return `${all} in ${Math.round((performance.now() - began) / 1000)} s: ${JSON.stringify(killed)}`;
}

/** Strangers who come, one after the other from each source, whatever becomes of the one before. */
class Load {
  readonly strangers: Stranger[] = [];
  readonly #scene: Scene;
  /** The program, in base64. */
  readonly #restless: string;
  readonly #random: () => number;
  /** What each source does, and since when. */
  readonly #doing = new Map<string, { readonly what: string; readonly since: number }>();
  #isEnough = false;
  served = 0;
  turnedAway = 0;

  constructor(scene: Scene, restless: Buffer, random: () => number) {
    this.#scene = scene;
    this.#restless = restless.toString("base64");
    this.#random = random;
  }

  enough(): void {
    this.#isEnough = true;
  }

  whereabouts(): string {
    return [...this.#doing]
      .map(([source, { what, since }]) => `${source} ${what} for ${Math.round(performance.now() - since)} ms`)
      .join("; ");
  }

  async run(source: string): Promise<void> {
    const does = (what: string) => this.#doing.set(source, { what, since: performance.now() });
    const leave = `pgrep -f '^python3 /var/tmp/restless' >/dev/null || { echo ${this.#restless} | base64 -d >/var/tmp/restless.py; setsid python3 /var/tmp/restless.py 0.5 >/dev/null 2>&1 </dev/null & }`;
    for (let count = 1; !this.#isEnough; count++) {
      if (this.#scene.gateway.hasEnded) {
        does("waits for a gateway");
        await sleep(50);
        continue;
      }
      const errand = ERRANDS[Math.floor(this.#random() * ERRANDS.length)] ?? "true";
      does(`visits port ${this.#scene.gateway.port}, ${errand}`);
      // Whom it comes to may be dead, or dies meanwhile.
      const stranger = await this.#scene.gateway
        .visit(source, `${leave}; echo ${source} comes for the ${count}th time; ${errand}`)
        .catch(() => undefined);
      if (stranger) {
        this.served++;
        this.strangers.push(stranger);
        does(`was served, ${errand}`);
        await stranger.ended();
      } else {
        this.turnedAway++;
        await sleep(100);
      }
    }
  }
}

/** Mulberry32: the same numbers from the same seed. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
