import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  ENTRY_HEADER_SIZE,
  FILE_HEADER_SIZE,
  MAX_PAYLOAD,
  encodeFileHeader,
} from "../../gateway/recording/format.ts";
import { RecordingParser } from "../../gateway/recording/parser.ts";
import { readEntries, readRawEntries } from "../../gateway/recording/reader.ts";
import { verify } from "../../gateway/recording/verify.ts";
import { createRecording } from "../../gateway/recording/writer.ts";
import { ENDED, SESSION, channelData, collect, ownFolder, smallRecording } from "./sample.ts";

test("cut at any byte, a recording opens and gives every entry that was whole", async (t) => {
  const folder = ownFolder(t);
  const whole = readFileSync(await smallRecording(folder));
  const ends = new RecordingParser(0)
    .take(whole)
    .map(({ offset, payload }) => offset + ENTRY_HEADER_SIZE + payload.length);
  const cut = join(folder, "cut.mbr");
  for (let size = 0; size < whole.length; size += 1) {
    writeFileSync(cut, whole.subarray(0, size));
    const sound = ends.filter((end) => end <= size);
    const stream = readRawEntries(cut);
    let count = 0;
    for await (const { offset } of stream) count += offset < size ? 1 : 0;
    assert.equal(count, sound.length);
    const at = size < FILE_HEADER_SIZE ? 0 : (sound.at(-1) ?? FILE_HEADER_SIZE);
    assert.deepEqual(stream.tail, { cut: true, at });
    assert.equal((await verify(cut)).cutAt, at);
  }
});

test("one flipped bit anywhere is found, in a whole recording and in one that was cut", async (t) => {
  const folder = ownFolder(t);
  const whole = readFileSync(await smallRecording(folder));
  const entries = new RecordingParser(0).take(whole);
  const lastEntry = entries.at(-2)?.offset ?? 0;
  for (const bytes of [whole, whole.subarray(0, lastEntry)]) {
    const flipped = Buffer.from(bytes);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      flipped[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const parser = new RecordingParser(0);
      parser.take(flipped);
      assert.ok(parser.damage !== undefined, `bit ${bit} of ${bytes.length * 8}`);
      assert.ok(parser.damage.offset <= bit >> 3 && parser.at === parser.damage.offset);
      flipped[bit >> 3] = bytes[bit >> 3] ?? 0;
    }
  }
  for (let byte = 5; byte < whole.length; byte += 101) {
    const flipped = Buffer.from(whole);
    flipped[byte] = (whole[byte] ?? 0) ^ 0x10;
    const path = join(folder, "flipped.mbr");
    writeFileSync(path, flipped);
    const { complete, firstBad, bytes } = await verify(path);
    assert.equal(complete, false);
    assert.ok(firstBad !== undefined && firstBad.offset <= byte && bytes === whole.length);
    await assert.rejects(collect(readEntries(path)), { code: "recording-damaged", offset: firstBad.offset });
  }
});

test("entries taken out, doubled or swapped are found, though each is sound by itself", async (t) => {
  const folder = ownFolder(t);
  const whole = readFileSync(await smallRecording(folder));
  const entries = new RecordingParser(0)
    .take(whole)
    .map(({ offset, payload }) => whole.subarray(offset, offset + ENTRY_HEADER_SIZE + payload.length));
  const header = whole.subarray(0, FILE_HEADER_SIZE);
  for (let index = 0; index < entries.length - 1; index += 1) {
    const without = entries.toSpliced(index, 1);
    const doubled = entries.toSpliced(index, 0, entries[index] ?? header);
    const swapped = entries
      .with(index, entries[index + 1] ?? header)
      .with(index + 1, entries[index] ?? header);
    for (const changed of [without, doubled, swapped]) {
      const parser = new RecordingParser(0);
      parser.take(Buffer.concat([header, ...changed]));
      assert.ok(parser.damage !== undefined || !parser.sealed);
    }
  }
});

test("random bytes neither crash a reading nor make it hold much", () => {
  const header = encodeFileHeader(SESSION);
  for (let round = 0; round < 2000; round += 1) {
    const noise = randomBytes(1 + (round % 300));
    // A size word with the right check, so that the claimed length is what is tried.
    if (round % 2 === 0 && noise.length > 8) {
      noise[7] = 0x5a ^ (noise[4] ?? 0) ^ (noise[5] ?? 0) ^ (noise[6] ?? 0);
    }
    const parser = new RecordingParser(round % 3 === 0 ? 0 : 77);
    const bytes = round % 3 === 0 ? Buffer.concat([header, noise]) : noise;
    assert.deepEqual(parser.take(bytes), []);
    assert.ok(parser.wanted <= MAX_PAYLOAD + ENTRY_HEADER_SIZE);
    parser.finish(bytes);
  }
});

test("entries come out the same whatever pieces the bytes arrive in", async (t) => {
  const whole = readFileSync(await smallRecording(ownFolder(t)));
  const expected = new RecordingParser(0).take(whole).map(({ offset }) => offset);
  for (const step of [1, 2, 3, 19, 20, 21, 100]) {
    const parser = new RecordingParser(0);
    const seen: number[] = [];
    for (let end = step; end < whole.length + step; end += step)
      seen.push(...parser.take(whole.subarray(parser.at, end)).map(({ offset }) => offset));
    assert.deepEqual(seen, expected);
    assert.ok(parser.sealed && parser.damage === undefined);
  }
});

test("a fact that is not one is damage, named by its offset", async (t) => {
  const recording = createRecording({ folder: ownFolder(t), session: SESSION });
  recording.packet("upstream", 1, channelData("x"));
  recording.flush();
  const offset = recording.bytes;
  recording.fact({ kind: undefined } as never);
  const { path } = await recording.close(ENDED);
  await assert.rejects(collect(readEntries(path)), { code: "recording-damaged", offset });
});
