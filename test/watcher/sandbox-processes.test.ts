/** Whose doing it is, out of records as the kernel's programs write them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ByteString } from "../../gateway/model/bytes.ts";
import type { ProcessFact } from "../../gateway/model/process-facts.ts";
import { LARGEST_RECORD, RECORD, RECORD_KINDS } from "../../gateway/model/process-records.ts";
import { decodeRecord, type Executed, type WatchRecord } from "../../gateway/watcher/decode.ts";
import { RecordReader } from "../../gateway/watcher/record-reader.ts";
import { SandboxProcesses } from "../../gateway/watcher/sandbox-processes.ts";
import { BRIEF, CONNECTS, MOST_TEXT, RUNS } from "../../gateway/watcher/session-facts.ts";

const SSHD = 7;
const ALICE = { address: "192.0.2.1", port: 4001 };
const BOB = { address: "192.0.2.2", port: 4002 };

class Bench {
  readonly told: { client: string | undefined; fact: ProcessFact }[] = [];
  readonly #processes = new SandboxProcesses(100_000, (time) => Number(time / 1000n));
  #time = 1_000_000_000_000n;

  get sessions(): number {
    return this.#processes.sessions;
  }

  wait(seconds: number): this {
    this.#time += BigInt(seconds * 1e9);
    return this;
  }

  take(record: Record<string, unknown> & { kind: WatchRecord["kind"] }): this {
    const head = { namespace: 1, time: (this.#time += 1000n), uid: 100_000 };
    this.#processes.take({ ...head, ...record } as never);
    return this;
  }

  fork(parent: number, pid: number): this {
    return this.take({ kind: "forked", parent, pid });
  }

  run(pid: number, name: string, more: Partial<Executed> = {}): this {
    const [path, argv] = [name, [name]] as [ByteString, ByteString[]];
    return this.take({
      kind: "executed",
      pid,
      parent: 0,
      leads: false,
      path,
      argv,
      argvLeftOut: 0,
      errno: 0,
      ...more,
    });
  }

  /** A connection to the SSH server, its login, and the shell that comes of it. */
  login(from: { address: string; port: number }, pid: number): this {
    this.take({ kind: "accepted", pid: SSHD, from }).fork(SSHD, pid).run(pid, "sshd", { leads: true });
    this.fork(pid, pid + 1)
      .run(pid + 1, "motd")
      .take({ kind: "exited", pid: pid + 1, code: 0 });
    return this.fork(pid, pid + 2).run(pid + 2, "-bash", { leads: true });
  }

  flush(): this {
    for (const { client, facts } of this.#processes.flush(Number(this.#time / 1000n)))
      for (const fact of facts) this.told.push({ client: client?.address, fact });
    return this;
  }

  names(client: string | undefined): string[] {
    return this.told.flatMap((one) =>
      one.client === client && one.fact.did === "run" ? [one.fact.path as string] : [],
    );
  }
}

test("two who are in at once are told apart, also what runs on without its parents", () => {
  const bench = new Bench().login(ALICE, 10).login(BOB, 20);
  bench.fork(12, 30).fork(30, 31).take({ kind: "exited", pid: 30, code: 0 });
  bench.take({ kind: "exited", pid: 12, code: 0 }).take({ kind: "exited", pid: 10, code: 0 });
  bench.run(31, "left-running").fork(22, 40).run(40, "bobs").flush();
  assert.deepEqual(bench.names(ALICE.address), ["sshd", "motd", "-bash", "left-running"]);
  assert.deepEqual(bench.names(BOB.address), ["sshd", "motd", "-bash", "bobs"]);
});

test("what the SSH server does itself is marked, what it starts for its client is not", () => {
  const bench = new Bench().login(ALICE, 10).fork(12, 13).run(13, "id").flush();
  const marks = bench.told.map(({ fact }) => ("path" in fact ? [fact.path, "server" in fact] : []));
  assert.deepEqual(marks, [
    ["sshd", true],
    ["motd", true],
    ["-bash", false],
    ["id", false],
  ]);
});

test("of the SSH server's own connects those are told that lead somewhere: its client's forwards", () => {
  const bench = new Bench().login(ALICE, 10);
  for (const to of [
    { family: "unix", path: "/dev/log" },
    { family: "inet6", address: "::", port: 22 },
    { family: 0 },
    { family: "inet", address: "203.0.113.9", port: 25 },
  ])
    bench.take({ kind: "connected", pid: 10, to, errno: 0 });
  bench.flush();
  const connects = bench.told.flatMap(({ fact }) => (fact.did === "connect" ? [[fact.to, fact.server]] : []));
  assert.deepEqual(connects, [[{ family: "inet", address: "203.0.113.9", port: 25 }, true]]);
  bench.told.length = 0;
  bench.take({ kind: "exited", pid: 10, code: 0xff00 }).flush();
  assert.deepEqual(bench.told, [], "and its own end is no news");
});

test("a login that comes to nothing leaves nothing", () => {
  const bench = new Bench();
  bench.take({ kind: "accepted", pid: SSHD, from: ALICE }).fork(SSHD, 10).run(10, "sshd", { leads: true });
  bench.take({ kind: "exited", pid: 10, code: 0xff00 }).flush();
  assert.deepEqual(bench.told, []);
});

test("what ten thousand logins leave behind does not grow, and is told to the last", () => {
  const bench = new Bench();
  for (let one = 0; one < 10_000; one++) {
    bench.login({ address: "192.0.2.9", port: 1024 + one }, 10);
    for (const pid of [12, 10]) bench.take({ kind: "exited", pid, code: 0 });
    if (one % 3 === 0) bench.flush();
  }
  bench.flush();
  assert.equal(bench.names("192.0.2.9").filter((name) => name === "-bash").length, 10_000);
  assert.ok(bench.sessions < 1000);
});

test("a server that an attacker runs makes no sessions", () => {
  const bench = new Bench().login(ALICE, 10);
  bench
    .take({ kind: "accepted", pid: 12, from: BOB })
    .fork(12, 13)
    .run(13, "handler", { leads: true })
    .flush();
  assert.deepEqual(bench.names(ALICE.address).at(-1), "handler");
  assert.deepEqual(bench.names(BOB.address), []);
});

test("what the engine puts into a sandbox is our own doing, and all that comes of it", () => {
  const bench = new Bench().fork(0, 50).run(50, "useradd").fork(50, 51).run(51, "nscd").flush();
  assert.deepEqual(bench.told, []);
});

test("what was there before we looked, and its children, are nobody's", () => {
  const bench = new Bench().run(3, "cron").fork(3, 4).run(4, "job").flush();
  assert.deepEqual(bench.names(undefined), ["cron", "job"]);
});

test("the end is told with the run where that was not told yet, else by itself; users are those seen inside", () => {
  const bench = new Bench().login(ALICE, 10).fork(12, 13).run(13, "quick", { uid: 101_000 });
  bench
    .take({ kind: "exited", pid: 13, code: 3 << 8 })
    .fork(12, 14)
    .run(14, "slow")
    .flush();
  bench.wait(2).take({ kind: "exited", pid: 14, code: 9 }).flush();
  const quick = bench.told.find(({ fact }) => "path" in fact && fact.path === "quick")?.fact;
  assert.deepEqual(quick?.did === "run" && [quick.uid, quick.ended?.status, quick.parent], [1000, 3, 12]);
  const last = bench.told.at(-1)?.fact;
  assert.deepEqual(last?.did === "end" && [last.pid, last.ended.signal], [14, 9]);
  assert.ok(last?.did === "end" && last.ended.after >= 2_000_000);
});

test("the parent is the nearest that ran a program", () => {
  const bench = new Bench().login(ALICE, 10).fork(12, 13).fork(13, 14).fork(14, 15).run(15, "deep").flush();
  const deep = bench.told.at(-1)?.fact;
  assert.equal(deep?.did === "run" && deep.parent, 12);
});

test("a flood is counted by the second, what comes after it is told again, and the sum is what happened", () => {
  const bench = new Bench().login(ALICE, 10).flush();
  const flood = 3 * RUNS.burst;
  for (let one = 0; one < flood; one++) bench.run(12, "again");
  bench.wait(2).run(12, "after").flush();
  const told = bench.names(ALICE.address).filter((name) => name === "again").length;
  const counted = bench.told.reduce((sum, { fact }) => sum + (fact.did === "more" ? fact.runs : 0), 0);
  assert.equal(told + counted, flood);
  assert.ok(told <= RUNS.burst);
  assert.equal(bench.names(ALICE.address).at(-1), "after");
});

test("whatever is done in a day, what is told of one session is bounded", () => {
  const bench = new Bench().login(ALICE, 10);
  for (let hour = 0; hour < 24; hour++) {
    bench.wait(3600);
    for (let one = 0; one < RUNS.burst; one++) {
      bench.run(12, "x".repeat(4000), { argv: ["y".repeat(8000) as ByteString] });
      bench.take({ kind: "connected", pid: 12, to: { family: one }, errno: 0 });
    }
    bench.flush();
  }
  const runs = bench.told.filter(({ fact }) => fact.did === "run");
  const connects = bench.told.filter(({ fact }) => fact.did === "connect");
  assert.ok(runs.length <= RUNS.most + 10);
  assert.ok(connects.length <= CONNECTS.most);
  const text = runs.reduce(
    (sum, { fact }) => sum + ("argv" in fact ? fact.argv.join("").length + fact.path.length : 0),
    0,
  );
  assert.ok(text <= MOST_TEXT + 12_000 + RUNS.most * 2 * BRIEF);
});

test("connects that are alike and follow each other are one with its number", () => {
  const bench = new Bench().login(ALICE, 10).flush();
  const to = { family: "unix", path: "/run/nscd" };
  for (let one = 0; one < 5; one++) bench.take({ kind: "connected", pid: 12, to, errno: 2 });
  bench.take({ kind: "connected", pid: 12, to, errno: 0 }).flush();
  const connects = bench.told.flatMap(({ fact }) =>
    fact.did === "connect" ? [[fact.errno, fact.count]] : [],
  );
  assert.deepEqual(connects, [
    [2, 5],
    [undefined, undefined],
  ]);
});

test("records are taken apart wherever the stream is cut, and what is no record is known", () => {
  const record = Buffer.alloc(RECORD.shortSize);
  record.writeUInt32LE(RECORD_KINDS.exited, RECORD.kind);
  const framed = Buffer.concat([Buffer.from([record.length, 0, 0, 0]), record]);
  const stream = Buffer.concat([framed, framed, framed]);
  for (let cut = 1; cut < stream.length; cut++) {
    const reader = new RecordReader();
    const found = [reader.take(stream.subarray(0, cut)), reader.take(stream.subarray(cut))].flat();
    assert.deepEqual(
      found.map((one) => one && decodeRecord(one)?.kind),
      ["exited", "exited", "exited"],
    );
  }
  const size = Buffer.alloc(4);
  size.writeUInt32LE(LARGEST_RECORD + 1);
  assert.equal(new RecordReader().take(size), undefined);
});

test("no bytes make the decoder throw, or say more than it may", () => {
  let seed = 1;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647);
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.alloc(random() % 400, 0);
    for (let at = 0; at < bytes.length; at++) bytes[at] = random() % 3 === 0 ? 0 : random();
    if (bytes.length > 4) bytes.writeUInt32LE(random() % 9, 0);
    if (bytes.length > RECORD.path) bytes.writeUInt32LE(random() % 64, RECORD.pathSize);
    const record = decodeRecord(bytes);
    if (record?.kind === "executed") assert.ok(record.argv.join("").length <= bytes.length);
  }
});
