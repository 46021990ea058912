import assert from "node:assert/strict";
import { randomBytes, createHash } from "node:crypto";
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { ByteString } from "../../gateway/model/bytes.ts";
import { ENTRY_HEADER_SIZE, encodeEntryHead } from "../../gateway/recording/format.ts";
import type { Marker } from "../../gateway/recording/marker.ts";
import { readEntries, readRawEntries } from "../../gateway/recording/reader.ts";
import { sealRecording } from "../../gateway/recording/seal.ts";
import { FOOTER_SIZE } from "../../gateway/recording/seal-footer.ts";
import { MAX_FRAME } from "../../gateway/recording/sealed-form.ts";
import { extent, offsetAt } from "../../gateway/recording/seek.ts";
import { openSource } from "../../gateway/recording/source.ts";
import { verify } from "../../gateway/recording/verify.ts";
import { createRecording } from "../../gateway/recording/writer.ts";
import { GOLDEN_SESSIONS, record } from "./golden-sessions.ts";
import { channelData, ENDED, ownFolder, SESSION, SMALL_FACTS, smallRecording } from "./sample.ts";

const MARKERS: readonly Marker[] = [
  { at: 3_000_000n, offset: 32, channel: 1, kind: "command", text: "echo \xff" as ByteString },
];

async function sealed(path: string, markers: readonly Marker[] = []): Promise<string> {
  const to = `${path}.sealed`;
  await sealRecording(path, to, SESSION, markers);
  return to;
}

/** Some 12 MB: small entries, two larger than a frame, and what looks like a recording inside of a packet. */
async function longRecording(t: TestContext, folder = ownFolder(t)): Promise<string> {
  let time = 0n;
  const recording = createRecording({
    folder,
    session: SESSION,
    startedAt: 0n,
    now: () => (time += BigInt(1 + (Number(time) % 5_000_000))),
  });
  const small = readFileSync(await smallRecording(ownFolder(t)));
  const forged = forgedEntries();
  for (const fact of SMALL_FACTS) recording.fact(fact);
  for (let round = 0; round < 240; round++) {
    for (let each = 0; each < 200; each++)
      recording.packet("upstream", 1 + (each % 3), channelData("x".repeat((each * round) % 150)));
    recording.packet("downstream", 4, Buffer.concat([channelData(""), small, small]));
    if (round % 100 === 50) recording.packet("upstream", 2, randomBytes(700_000));
    if (round % 20 === 10) recording.packet("downstream", 6, forged);
    recording.packet("upstream", 5, randomBytes(32_000));
    recording.flush();
  }
  return (await recording.close(ENDED)).path;
}

/** As large as a packet can be: sound entries, one after the other to its very end, of a time that never was. */
function forgedEntries(): Buffer {
  const size = ENTRY_HEADER_SIZE + 44;
  const bytes = Buffer.alloc(4000 * size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += size)
    encodeEntryHead(bytes, view, at, { type: 3, from: "upstream", channel: 1, at: 2n ** 50n }, 44);
  return bytes;
}

interface Read {
  readonly entries: readonly { readonly offset: number; readonly at: bigint; readonly digest: string }[];
  readonly damage: string | undefined;
  readonly tail: unknown;
}

async function read(path: string, from = 0): Promise<Read> {
  const stream = readRawEntries(path, { from });
  const entries: Read["entries"][number][] = [];
  let damage: string | undefined;
  try {
    for await (const { offset, at, payload, ...head } of stream) {
      const digest = createHash("sha256").update(JSON.stringify(head)).update(payload).digest("hex");
      entries.push({ offset, at, digest });
    }
  } catch (error) {
    const { code, offset, reason } = error as { code?: string; offset?: number; reason?: string };
    damage = `${code} ${offset} ${reason}`;
  }
  return { entries, damage, tail: stream.tail };
}

test("a sealed recording reads as it did before, whole, cut off and damaged, to the last byte", async (t) => {
  const folder = ownFolder(t);
  const paths = [await smallRecording(folder), await longRecording(t)];
  for (const golden of GOLDEN_SESSIONS) paths.push(await record(golden, ownFolder(t)));
  const [whole = ""] = paths;
  for (const [name, change] of [
    ["cut", (bytes: Buffer) => bytes.subarray(0, bytes.length - 90)],
    ["empty", () => Buffer.alloc(0)],
    ["header only", (bytes: Buffer) => bytes.subarray(0, 20)],
    ["damaged", (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 300), randomBytes(600_000)])],
    ["no recording", () => randomBytes(1000)],
    ["longer than its end", (bytes: Buffer) => Buffer.concat([bytes, Buffer.from("more")])],
  ] as const) {
    const path = join(folder, `${name}.mbr`);
    writeFileSync(path, change(readFileSync(whole)));
    paths.push(path);
  }
  for (const path of paths) {
    const to = await sealed(path);
    assert.deepEqual(await read(to), await read(path), path);
    await using source = await openSource(to);
    const bytes = Buffer.alloc(statSync(path).size + 1);
    assert.equal(await source.read(bytes, 0), bytes.length - 1);
    assert.ok(bytes.subarray(0, -1).equals(readFileSync(path)), path);
    const frames = source.sealed?.index.frames ?? [];
    assert.ok(frames.every(({ plainSize }) => plainSize > 0 && plainSize <= MAX_FRAME));
  }
});

test("reading from any entry on gives what a reading from the start gives from there", async (t) => {
  const path = await longRecording(t);
  const to = await sealed(path);
  const whole = await read(path);
  for (let place = 0; place < whole.entries.length; place += 4001) {
    const from = whole.entries[place]?.offset ?? 0;
    assert.deepEqual((await read(to, from)).entries, whole.entries.slice(place));
  }
});

test("any time is found, near before it, sealed or not, whatever stands in packets", async (t) => {
  const path = await longRecording(t);
  const { entries } = await read(path);
  const last = entries.at(-1)?.at ?? 0n;
  for (const [each, near] of [
    [path, 6 * 2 ** 20],
    [await sealed(path), 2 ** 20],
  ] as const) {
    const { duration, end } = await extent(each);
    assert.deepEqual([duration, end], [last, statSync(path).size]);
    for (let step = 0n; step <= 40n; step++) {
      const at = (last * step) / 40n;
      const offset = await offsetAt(each, at);
      const first = entries.find((entry) => entry.at >= at);
      assert.ok(offset === 0 || entries.some((entry) => entry.offset === offset && entry.at <= at));
      assert.ok((first?.offset ?? 0) - offset <= near && (first?.offset ?? 0) >= offset, `${step}/40`);
    }
    assert.equal(await offsetAt(each, 0n), 0);
  }
});

test("a recording that still grows has the length that it has by now", async (t) => {
  const path = await longRecording(t);
  const { entries } = await read(path);
  const half = entries[Math.floor(entries.length / 2)];
  truncateSync(path, (half?.offset ?? 0) + 5);
  const before = entries[Math.floor(entries.length / 2) - 1];
  assert.equal((await extent(path)).duration, before?.at);
});

test("markers come back as they were put in", async (t) => {
  const to = await sealed(await smallRecording(ownFolder(t)), MARKERS);
  await using source = await openSource(to);
  assert.deepEqual(source.sealed?.index.markers, MARKERS);
});

test("a changed, missing or added byte anywhere in a sealed recording is named", async (t) => {
  const folder = ownFolder(t);
  const to = await sealed(await smallRecording(folder), MARKERS);
  const whole = readFileSync(to);
  const changed = join(folder, "changed.mbr");
  const bad = async (bytes: Buffer) => {
    writeFileSync(changed, bytes);
    const { complete, firstBad } = await verify(changed);
    assert.equal(complete, false);
    return firstBad;
  };
  for (let byte = 0; byte < whole.length; byte++) {
    for (const flip of [1, 0x80]) {
      const bytes = Buffer.from(whole);
      bytes[byte] = (bytes[byte] ?? 0) ^ flip;
      assert.ok(await bad(bytes), `byte ${byte}`);
    }
    if (byte >= 8) assert.ok(await bad(whole.subarray(0, byte)), `cut at ${byte}`);
  }
  appendFileSync(changed, "x");
  assert.ok(await bad(Buffer.concat([whole, Buffer.from("x")])));
});

test("the first bad frame is named, and what stands before it is still read", async (t) => {
  const path = await longRecording(t);
  const to = await sealed(path);
  await using source = await openSource(to);
  const frames = source.sealed?.index.frames ?? [];
  const third = frames[2];
  assert.ok(third !== undefined && frames.length > 5);
  const bytes = readFileSync(to);
  for (const frame of [third, frames[4] ?? third]) bytes[frame.at + 50] = (bytes[frame.at + 50] ?? 0) ^ 4;
  writeFileSync(to, bytes);
  const { firstBad } = await verify(to);
  assert.equal(firstBad?.offset, third.plainAt);
  assert.match(firstBad.reason, new RegExp(`^frame 3, bytes ${third.at} to`));
  const whole = (await read(path)).entries;
  const { entries } = await read(to);
  assert.deepEqual(
    entries,
    whole.filter(({ offset }) => offset < third.plainAt),
  );
});

test("random bytes behind a sealed recording's beginning neither crash a reading nor make it hold much", async (t) => {
  const folder = ownFolder(t);
  const whole = readFileSync(await sealed(await smallRecording(folder)));
  const path = join(folder, "noise.mbr");
  const before = process.memoryUsage().rss;
  for (let round = 0; round < 300; round++) {
    const noise = randomBytes(1 + ((round * 37) % 900));
    const footer = round % 2 === 0 ? whole.subarray(-FOOTER_SIZE) : Buffer.alloc(0);
    writeFileSync(path, Buffer.concat([whole.subarray(0, 32), noise, footer]));
    await assert.rejects(async () => {
      for await (const entry of readEntries(path)) assert.fail(`an entry: ${entry.type}`);
    }, { code: "recording-damaged" }); // prettier-ignore
  }
  assert.ok(process.memoryUsage().rss - before < 200 * 2 ** 20);
});
