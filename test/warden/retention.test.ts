import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pino } from "pino";
import type { SessionId } from "../../gateway/model/ids.ts";
import type { Policy } from "../../gateway/model/policy.ts";
import { Retention } from "../../gateway/warden/retention.ts";
import { ownFolder } from "../recording/sample.ts";

const NOW = Date.parse("2026-11-25T12:00:00Z");
const DAY = 86_400_000;
const KIB = 1024;

class Bench {
  readonly data: string;
  readonly happened: string[] = [];
  readonly logged: string[] = [];
  readonly needed = new Set<string>();
  policy: Policy["retention"] = {};
  free = 1e12;
  fails: Error | undefined;

  constructor(t: TestContext) {
    this.data = ownFolder(t);
    for (const folder of ["live/taken", "artifacts", "recordings"])
      mkdirSync(join(this.data, folder), { recursive: true });
  }

  session(id: string, day: string, kib = 4): void {
    const folder = join(this.data, "recordings", day, id);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "session.mbr"), Buffer.alloc(kib * KIB, "x"));
    writeFileSync(join(folder, "capture.json"), "{}");
  }

  artifact(name: string, day: string, kib = 4): void {
    const path = join(this.data, "artifacts", name.repeat(64));
    writeFileSync(path, Buffer.alloc(kib * KIB, "x"));
    utimesSync(path, new Date(day), new Date(day));
  }

  /** Looks once. */
  async look(): Promise<void> {
    await using retention = new Retention({
      data: this.data,
      policy: () => this.policy,
      isNeeded: (session) => this.needed.has(session),
      removing: (session, reason) => {
        if (this.fails) return Promise.reject(this.fails);
        assert.ok(this.left().includes(session), "it is written down before it goes");
        this.happened.push(`${session} ${reason}`);
        return Promise.resolve();
      },
      removed: (session) => {
        assert.ok(!this.left().includes(session));
        this.happened.push(`${session} gone`);
        this.free += 104 * KIB;
      },
      log: pino({ level: "warn" }, { write: (line) => this.logged.push(line) }),
      now: () => NOW,
      freeIn: () => Promise.resolve(this.free),
    });
    await retention.look();
  }

  /** Sessions and the first letters of artifacts. */
  left(): string[] {
    const days = readdirSync(join(this.data, "recordings"));
    const sessions = days.flatMap((day) => readdirSync(join(this.data, "recordings", day)));
    return [...sessions, ...readdirSync(join(this.data, "artifacts")).map(([first = ""]) => first)].sort();
  }
}

const [A, B, C] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] as [SessionId, SessionId, SessionId];

test("nothing is removed that the policy does not say", async (t) => {
  const bench = new Bench(t);
  bench.session(A, "2000-01-01");
  bench.artifact("1", "2000-01-01");
  bench.free = 0;
  await bench.look();
  assert.deepEqual(bench.left(), ["1", A]);
});

test("what is too old goes, counted from the end of its day; its day goes with the last of it", async (t) => {
  const bench = new Bench(t);
  bench.session(A, "2026-11-14");
  bench.session(B, "2026-11-15");
  bench.artifact("1", "2026-11-15T11:59:00Z");
  bench.artifact("2", "2026-11-15T12:01:00Z");
  bench.policy = { age: 10 * DAY };
  await bench.look();
  assert.deepEqual(bench.left(), ["2", B]);
  assert.deepEqual(bench.happened, [`${A} age`, `${A} gone`]);
  assert.deepEqual(readdirSync(join(bench.data, "recordings")), ["2026-11-15"]);
  assert.deepEqual(readdirSync(join(bench.data, "live/taken")), []);
});

test("beyond its size the oldest go, recordings and captured files, until it fits", async (t) => {
  const bench = new Bench(t);
  bench.session(B, "2026-11-20", 100);
  bench.session(A, "2999-11-10", 100);
  bench.artifact("1", "2026-11-01", 100);
  bench.artifact("2", "2999-11-12", 100);
  bench.policy = { size: 250 * KIB };
  await bench.look();
  assert.deepEqual(bench.left(), ["2", A]);
  assert.deepEqual(bench.happened, [`${B} size`, `${B} gone`]);
});

test("where the disk has less room than it should, the oldest go until it has", async (t) => {
  const bench = new Bench(t);
  for (const [id, year] of [[A, 2997], [B, 2998], [C, 2999]] as const) bench.session(id, `${year}-01-01`, 100); // prettier-ignore
  bench.policy = { free: 1e9 };
  bench.free = 1e9 - 150 * KIB;
  await bench.look();
  assert.deepEqual(bench.left(), [C]);
  bench.free = 1e9;
  await bench.look();
  assert.deepEqual(bench.left(), [C]);
});

test("what is needed still stays, and is no reason to stop at it", async (t) => {
  const bench = new Bench(t);
  bench.session(A, "2026-01-01", 100);
  bench.session(B, "2026-01-02", 100);
  bench.needed.add(A);
  bench.policy = { size: 150 * KIB };
  await bench.look();
  bench.policy = { age: DAY };
  await bench.look();
  assert.deepEqual(bench.left(), [A]);
});

test("what cannot be written down does not go, and is told", async (t) => {
  const bench = new Bench(t);
  bench.session(A, "2026-01-01");
  bench.policy = { age: DAY };
  bench.fails = new Error("no room for a line");
  await bench.look();
  assert.deepEqual(bench.left(), [A]);
  assert.match(bench.logged.join(), /no room for a line/);
});

test("what a killed gateway had begun to remove is gone after the next start", async (t) => {
  const bench = new Bench(t);
  bench.session(A, "2026-01-01");
  renameSync(join(bench.data, "recordings/2026-01-01", A), join(bench.data, "live/taken", `removed-${A}`));
  await bench.look();
  assert.equal(existsSync(join(bench.data, "live/taken", `removed-${A}`)), false);
});
