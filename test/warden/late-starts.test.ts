/** Children that were only being started when the gateway began to end: one that stayed would keep it from ending for ever. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createServer, type Server } from "node:net";
import { test, type TestContext } from "node:test";
import { pino } from "pino";
import type { FrontConfiguration } from "../../gateway/model/front-messages.ts";
import { Archivist } from "../../gateway/warden/archivist.ts";
import { Fronts } from "../../gateway/warden/fronts.ts";
import { freePort } from "../ssh/free-port.ts";

const log = pino({ level: "silent" });
/** Says that it is ready, and does nothing else until it is ended. */
const STAYS = `process.send(JSON.parse(process.argv[1])); process.on("message", () => undefined)`;

function staying(t: TestContext, ready: unknown): ChildProcess {
  const child = spawn(process.execPath, ["-e", STAYS, JSON.stringify(ready)], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

/** Children one after the other: the first at once, the second when it is released. */
class Spawns {
  readonly first: ChildProcess;
  second: ChildProcess | undefined;
  readonly #context: TestContext;
  readonly #ready: unknown;
  readonly #events = new EventEmitter();
  readonly #asked = once(this.#events, "asked");
  #count = 0;

  constructor(context: TestContext, ready: unknown) {
    this.#context = context;
    this.#ready = ready;
    this.first = staying(context, ready);
  }

  readonly next = async (): Promise<ChildProcess> => {
    if (++this.#count === 1) return this.first;
    this.#events.emit("asked");
    await once(this.#events, "released");
    this.second = staying(this.#context, this.#ready);
    return this.second;
  };

  /** Resolves when the second is asked for. */
  async asked(): Promise<void> {
    await this.#asked;
  }

  release(): void {
    this.#events.emit("released");
  }
}

/** Is dead before whoever hands it a socket hears that it was sent. */
class Dying extends EventEmitter {
  readonly connected = true;

  send(_message: unknown, ...more: unknown[]): boolean {
    const sent = more.at(-1) as () => void;
    if (more.length === 1) sent();
    else {
      this.emit("exit", null, "SIGKILL");
      setTimeout(sent, 10);
    }
    return true;
  }
}

test(
  "a front that cannot get its sockets when it is started again is ended, and tried again",
  { timeout: 60_000 },
  async (t) => {
    const ready = { type: "notice", notice: { kind: "ready" } };
    const children: ChildProcess[] = [];
    const gone: number[] = [];
    // Free at first; then somebody else's, and then free again.
    const address = { address: "127.0.0.1", port: await freePort() };
    let other: Server | undefined;
    const again = new EventEmitter();
    const third = once(again, "third");
    const fronts = new Fronts({
      count: 1,
      addresses: [address],
      configuration: () => ({}) as FrontConfiguration,
      spawn: async () => {
        if (children.length === 1) {
          other = createServer().listen(address.port, address.address);
          await once(other, "listening");
        }
        if (children.length === 2) {
          other?.close();
          again.emit("third");
        }
        const child = staying(t, ready);
        children.push(child);
        return child;
      },
      answer: () => Promise.reject(new Error("nothing is asked")),
      heard: () => undefined,
      gone: (front) => gone.push(front),
      log,
    });
    t.after(() => other?.close());
    await fronts.start();
    children[0]?.kill("SIGKILL");
    await third;
    assert.deepEqual(gone, [0, 0]);
    await fronts.drain(0);
  },
);

test("a front that is being started again when the gateway ends is ended, and waited for", async (t) => {
  const spawns = new Spawns(t, { type: "notice", notice: { kind: "ready" } });
  const gone: number[] = [];
  const fronts = new Fronts({
    count: 1,
    addresses: [],
    configuration: () => ({}) as FrontConfiguration,
    spawn: spawns.next,
    answer: () => Promise.reject(new Error("nothing is asked")),
    heard: () => undefined,
    gone: (front) => gone.push(front),
    log,
  });
  await fronts.start();
  spawns.first.kill("SIGKILL");
  await spawns.asked();
  const drained = fronts.drain(0);
  spawns.release();
  await drained;
  assert.equal(spawns.second?.signalCode, "SIGKILL");
  assert.deepEqual(fronts.pids, []);
  assert.deepEqual(gone, [0, 0]);
});

test("so is an archivist", async (t) => {
  const spawns = new Spawns(t, { kind: "ready" });
  const archivist = new Archivist({
    spawn: spawns.next,
    start: () => ({ kind: "start", dataFolder: "/", sensor: "", uuid: "", events: {} as never }),
    sealed: () => Promise.resolve(),
    redacted: () => Promise.resolve(),
    spooled: () => undefined,
    log,
  });
  await archivist.start();
  spawns.first.kill("SIGKILL");
  await once(spawns.first, "exit");
  await spawns.asked();
  const drained = archivist.drain();
  spawns.release();
  await drained;
  assert.equal(spawns.second?.signalCode, "SIGKILL");
});

test("a front that dies while it is given its sockets is started again, and ends nothing else", async (t) => {
  const ready = { type: "notice", notice: { kind: "ready" } };
  const first = staying(t, ready);
  const events = new EventEmitter();
  const startedAgain = once(events, "spawned thrice");
  const children = [first, new Dying() as unknown as ChildProcess, staying(t, ready)];
  const fronts = new Fronts({
    count: 1,
    addresses: [{ address: "127.0.0.1", port: 0 }],
    configuration: () => ({}) as FrontConfiguration,
    spawn: () => {
      const child = children.shift();
      if (!child) throw new Error("a fourth front");
      if (children.length === 0) events.emit("spawned thrice");
      return Promise.resolve(child);
    },
    answer: () => Promise.reject(new Error("nothing is asked")),
    heard: () => undefined,
    gone: () => undefined,
    log,
  });
  await fronts.start();
  first.kill("SIGKILL");
  // An unhandled rejection would end this test, as it would end the gateway.
  await startedAgain;
  await fronts.drain(0);
});
