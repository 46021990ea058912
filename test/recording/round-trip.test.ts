import assert from "node:assert/strict";
import { randomBytes, createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import { RecordingDamaged } from "../../gateway/recording/damage.ts";
import { readEntries, readRawEntries } from "../../gateway/recording/reader.ts";
import { createTap } from "../../gateway/recording/tap.ts";
import { verify } from "../../gateway/recording/verify.ts";
import { createRecording } from "../../gateway/recording/writer.ts";
import { ENDED, SESSION, SMALL_FACTS, channelData, collect, ownFolder, smallRecording } from "./sample.ts";

test("what was written is read, in order and to the byte", async (t) => {
  const path = await smallRecording(ownFolder(t));
  const stream = readEntries(path);
  const entries = await collect(stream);
  assert.deepEqual(
    entries.filter((entry) => entry.type === "fact").map(({ fact }) => fact),
    [...SMALL_FACTS, ENDED],
  );
  assert.deepEqual(
    entries
      .filter((entry) => entry.type === "packet")
      .map(({ at, from, channel, payload }) => ({ at, from, channel, payload: payload.toString("latin1") })),
    [
      {
        at: 4_000_000n,
        from: "downstream",
        channel: 1,
        payload: channelData("ls\r").toString("latin1"),
      },
      {
        at: 5_000_000n,
        from: "upstream",
        channel: 1,
        payload: channelData("\x1b[0m\xff\xfe\r\n").toString("latin1"),
      },
    ],
  );
  assert.deepEqual(stream.tail, { cut: false, at: statSync(path).size });
  assert.equal(statSync(path).mode & 0o777, 0o644);
});

test("a reading may start at any entry", async (t) => {
  const path = await smallRecording(ownFolder(t));
  const entries = await collect(readEntries(path));
  for (const [index, { offset }] of entries.entries())
    assert.deepEqual(await collect(readEntries(path, { from: offset })), entries.slice(index));
});

test("megabytes of packets of every size come back, with a checkpoint at least every 64 KiB and one packet", async (t) => {
  const recording = createRecording({ folder: ownFolder(t), session: SESSION });
  const written = createHash("sha256");
  const reused = Buffer.alloc(262_144);
  let total = 0;
  const tap = createTap(recording, (_from, payload) => payload.length % 70_000);
  for (const size of [0, 1, 19, 20, 512, 32_768, 65_535, 65_536, 65_537, 262_144]) {
    for (let copy = 0; copy < 8; copy += 1) {
      const bytes = randomBytes(size);
      reused.set(bytes);
      written.update(bytes);
      tap.packet(copy % 2 === 0 ? "upstream" : "downstream", reused.subarray(0, size));
      reused.fill(0);
      total += size;
    }
    if (size % 2 === 0) tap.flush();
  }
  const closed = await recording.close(ENDED);

  const read = createHash("sha256");
  let lastCheckpoint = 0;
  for await (const { type, offset, payload, channel } of readRawEntries(closed.path)) {
    if (type === 4) {
      assert.ok(offset - lastCheckpoint <= 65_536 + 262_144 + 20);
      lastCheckpoint = offset;
    }
    if (type !== 3) continue;
    read.update(payload);
    assert.equal(channel, Math.min(65_535, payload.length % 70_000));
  }
  assert.equal(read.digest("hex"), written.digest("hex"));
  assert.ok(closed.bytes < total * 1.01 + 4096);
  const { head, complete, bytes } = await verify(closed.path);
  assert.deepEqual({ head, complete, bytes }, { head: closed.head, complete: true, bytes: closed.bytes });
  assert.equal(statSync(closed.path).size, closed.bytes);
});

test("channel ordinals over 65535 are written as 65535", async (t) => {
  const recording = createRecording({ folder: ownFolder(t), session: SESSION });
  recording.packet("upstream", 1_000_000, Buffer.from([94]));
  const { path } = await recording.close(ENDED);
  const [entry] = await collect(readEntries(path));
  assert.ok(entry?.type === "packet" && entry.channel === 65_535);
});

test("a full recording takes no more entries, and is sealed as any other", async (t) => {
  const most = 1 << 20;
  const recording = createRecording({ folder: ownFolder(t), session: SESSION, most });
  const tap = createTap(recording, () => 1);
  const full = { code: "recording-full" };
  let taken = 0;
  assert.throws(() => {
    for (;;) {
      tap.packet("upstream", randomBytes(10_000));
      tap.flush();
      taken++;
    }
  }, full);
  assert.throws(() => {
    tap.packet("upstream", randomBytes(10_000));
  }, full);
  const closed = await recording.close({ kind: "session-ended", reason: "recording-full" });
  assert.ok(closed.bytes > most - 11_000 && closed.bytes < most + 1000, `${closed.bytes}`);
  assert.equal((await verify(closed.path)).complete, true);
  const entries = await collect(readEntries(closed.path));
  assert.equal(entries.filter(({ type }) => type === "packet").length, taken);
  const last = entries.findLast((entry) => entry.type === "fact");
  assert.equal(last?.fact.kind === "session-ended" && last.fact.reason, "recording-full");
});

test("packets are recorded by flush, facts at once, and neither waits for a timer", async (t) => {
  await using recording = createRecording({ folder: ownFolder(t), session: SESSION });
  const empty = statSync(recording.path).size;
  recording.packet("upstream", 1, Buffer.alloc(100));
  assert.equal(statSync(recording.path).size, empty);
  assert.equal(recording.bytes, empty + 120);
  recording.flush();
  assert.equal(statSync(recording.path).size, empty + 120);
  recording.packet("upstream", 1, Buffer.alloc(100));
  recording.fact({ kind: "local-reply", request: "hostkeys-prove-00@openssh.com" });
  const entries = await collect(readEntries(recording.path));
  assert.deepEqual(
    entries.map(({ type }) => type),
    ["packet", "packet", "fact"],
  );
});

test("a second after a write a checkpoint covers it, and an idle recording stays as it is", async (t) => {
  await using recording = createRecording({ folder: ownFolder(t), session: SESSION });
  recording.packet("upstream", 1, Buffer.alloc(100));
  recording.flush();
  await new Promise((resolve) => setTimeout(resolve, 1300));
  const first = await verify(recording.path);
  assert.equal(first.checkpoints, 1);
  assert.equal(first.complete, false);
  assert.equal(first.cutAt, first.bytes);
  await new Promise((resolve) => setTimeout(resolve, 1300));
  assert.deepEqual(await verify(recording.path), first);
});

test("a recording is never overwritten, and none is written after its end", async (t) => {
  const folder = ownFolder(t);
  const recording = createRecording({ folder, session: SESSION });
  assert.throws(() => createRecording({ folder, session: SESSION }), { code: "recording-failed" });
  const { path } = await recording.close(ENDED);
  const bytes = readFileSync(path);
  assert.throws(
    () => {
      recording.packet("upstream", 1, Buffer.alloc(1));
    },
    { code: "recording-failed" },
  );
  await assert.rejects(recording.close(ENDED), { code: "recording-failed" });
  assert.deepEqual(readFileSync(path), bytes);
});

test("a living recording is followed to its end, and no further than asked", async (t) => {
  const recording = createRecording({ folder: ownFolder(t), session: SESSION });
  recording.fact({ kind: "local-reply", request: "x" });
  const seen: string[] = [];
  const stream = readEntries(recording.path, { follow: true });
  const following = (async () => {
    for await (const entry of stream) seen.push(entry.type === "fact" ? entry.fact.kind : "packet");
  })();
  for (let count = 0; count < 3; count += 1) {
    await new Promise((resolve) => setTimeout(resolve, 60));
    recording.packet("upstream", 1, Buffer.alloc(100_000));
    recording.flush();
  }
  await recording.close(ENDED);
  await following;
  assert.deepEqual(seen, ["local-reply", "packet", "packet", "packet", "session-ended"]);
  assert.equal(stream.tail?.cut, false);

  const other = createRecording({ folder: ownFolder(t), session: SESSION });
  const asked = new AbortController();
  const open = readEntries(other.path, { follow: true, signal: asked.signal });
  const waiting = collect(open);
  await new Promise((resolve) => setTimeout(resolve, 50));
  asked.abort();
  assert.deepEqual(await waiting, []);
  assert.equal(open.tail?.cut, true);
  await other[Symbol.asyncDispose]();
});

test("what is not a recording is said to be none", async () => {
  const stream = readEntries(import.meta.filename);
  await assert.rejects(
    collect(stream),
    (error) => error instanceof RecordingDamaged && error.offset === 0 && error.code === "recording-damaged",
  );
});
