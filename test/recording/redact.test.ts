import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { crc32 } from "node:zlib";
import type { ByteString } from "../../gateway/model/bytes.ts";
import { encodeEntryHead, ENTRY_HEADER_SIZE, ENTRY_TYPES } from "../../gateway/recording/format.ts";
import type { RawEntry } from "../../gateway/recording/parser.ts";
import { readEntries, readRawEntries } from "../../gateway/recording/reader.ts";
import { CredentialDropper } from "../../gateway/recording/redact.ts";
import { sealChanged, sealRecording } from "../../gateway/recording/seal.ts";
import type { SealedIndex } from "../../gateway/recording/sealed-form.ts";
import { openSource } from "../../gateway/recording/source.ts";
import { verify } from "../../gateway/recording/verify.ts";
import { GOLDEN_SESSIONS, record } from "./golden-sessions.ts";
import {
  channelData,
  ENDED,
  ownFolder,
  SESSION,
  SMALL_FACTS,
  smallRecording,
  steadyRecording,
} from "./sample.ts";

const MARKERS = [{ at: 5n, offset: 32, channel: 1, kind: "command" as const, text: "ls" as ByteString }];

interface Dropped {
  readonly plain: Buffer;
  readonly before: SealedIndex | undefined;
  readonly after: SealedIndex | undefined;
  readonly sealed: string;
  readonly redacted: string;
  readonly dropper: CredentialDropper;
}

/** Seals it, and drops its passwords. */
async function dropped(t: TestContext, path: string): Promise<Dropped> {
  const folder = ownFolder(t);
  const [sealed, redacted] = [join(folder, "sealed.mbr"), join(folder, "redacted.mbr")];
  await sealRecording(path, sealed, SESSION, MARKERS);
  const dropper = new CredentialDropper();
  await sealChanged(sealed, redacted, dropper);
  const { bytes: plain, index: after } = await contents(redacted);
  const { index: before } = await contents(sealed);
  return { plain, before, after, sealed, redacted, dropper };
}

async function contents(path: string): Promise<{ bytes: Buffer; index: SealedIndex | undefined }> {
  await using source = await openSource(path);
  const bytes = Buffer.alloc(await source.size());
  await source.read(bytes, 0);
  return { bytes, index: source.sealed?.index };
}

async function entriesOf(
  path: string,
): Promise<{ entries: RawEntry[]; damage: string | undefined; tail: unknown }> {
  const stream = readRawEntries(path);
  const entries: RawEntry[] = [];
  try {
    for await (const entry of stream) entries.push(entry);
  } catch (error) {
    const { code, offset } = error as { code?: string; offset?: number };
    return { entries, damage: `${code} ${offset}`, tail: undefined };
  }
  return { entries, damage: undefined, tail: stream.tail };
}

/** Type, size, time and place; of all but credentials and checkpoints the bytes too. */
function inCommon({ type, offset, at, from, channel, payload }: RawEntry): unknown {
  const changes = type === ENTRY_TYPES.credential || type === ENTRY_TYPES.checkpoint;
  return [type, offset, at, from, channel, payload.length, changes ? "" : payload.toString("hex")];
}

async function longRecording(t: TestContext): Promise<string> {
  const recording = steadyRecording(ownFolder(t));
  for (const fact of SMALL_FACTS) recording.fact(fact);
  for (let round = 0; round < 60; round++) {
    recording.packet("upstream", 1, randomBytes(30_000));
    recording.packet("downstream", 1, channelData("x".repeat(round)));
    if (round % 20 === 3) {
      const password = `secret-${round}` as ByteString;
      recording.fact({ kind: "credential", attempt: round, password, newPassword: password });
    }
    recording.flush();
  }
  return (await recording.close(ENDED)).path;
}

test("passwords are gone; all else is where it was, with its sums, its frames and its markers", async (t) => {
  const paths = [await smallRecording(ownFolder(t)), await longRecording(t)];
  for (const golden of GOLDEN_SESSIONS) paths.push(await record(golden, ownFolder(t)));
  for (const path of paths) {
    const { before, after, redacted, plain, dropper, sealed } = await dropped(t, path);
    const [was, is] = [await entriesOf(path), await entriesOf(redacted)];
    assert.deepEqual(is.entries.map(inCommon), was.entries.map(inCommon), path);
    assert.deepEqual([is.damage, is.tail], [was.damage, was.tail]);
    const frames = (index: SealedIndex | undefined) =>
      index?.frames.map(({ plainAt, plainSize, entryAt, from, to, channels }) => {
        return { plainAt, plainSize, entryAt, from, to, channels };
      });
    assert.deepEqual(frames(after), frames(before));
    assert.deepEqual(after?.markers, MARKERS);
    const credentials = was.entries.filter(({ type }) => type === ENTRY_TYPES.credential);
    assert.ok(credentials.length > 0);
    const found = await verify(redacted);
    assert.deepEqual([found.firstBad, found.dropped], [undefined, credentials.length]);
    assert.deepEqual([(await verify(sealed)).dropped, dropper.dropped], [undefined, { credentials: credentials.length, unread: 0 }]); // prettier-ignore
    for (const { payload } of credentials) {
      const { password } = JSON.parse(payload.toString()) as { password: string };
      if (password !== "") assert.equal(plain.includes(JSON.stringify(password)), false, password);
    }
  }
});

test("what is left of a credential is a kind of its own, with its attempt, and nothing is left to drop", async (t) => {
  const { redacted } = await dropped(t, await longRecording(t));
  const left = [];
  for await (const entry of readEntries(redacted))
    if (entry.type === "fact" && entry.fact.kind.startsWith("credential")) left.push(entry.fact);
  assert.deepEqual(
    left,
    [1, 3, 23, 43].map((attempt) => ({ kind: "credential-dropped", attempt })),
  );
  const again = new CredentialDropper();
  const to = join(ownFolder(t), "again.mbr");
  await sealChanged(redacted, to, again);
  assert.deepEqual(again.dropped, { credentials: 0, unread: 0 });
  assert.ok(readFileSync(to).equals(readFileSync(redacted)));
});

test("a recording that is cut off in a credential has nothing of it left, wherever it was cut", async (t) => {
  const path = await smallRecording(ownFolder(t));
  const whole = readFileSync(path);
  const { entries } = await entriesOf(path);
  const credential = entries.find(({ type }) => type === ENTRY_TYPES.credential);
  assert.ok(credential);
  const end = credential.offset + ENTRY_HEADER_SIZE + credential.payload.length;
  for (let size = credential.offset + 1; size < end; size += 7) {
    const cut = join(ownFolder(t), "cut.mbr");
    writeFileSync(cut, whole.subarray(0, size));
    const { plain, redacted, dropper } = await dropped(t, cut);
    assert.equal(plain.length, size);
    assert.match(plain.toString("latin1", credential.offset + ENTRY_HEADER_SIZE), /^ *$/);
    const unread = Math.max(0, size - credential.offset - ENTRY_HEADER_SIZE);
    assert.deepEqual(dropper.dropped, { credentials: 0, unread });
    assert.deepEqual((await verify(redacted)).cutAt, credential.offset);
  }
});

test("a damaged recording stays damaged at that byte, and what nobody can read there is blank", async (t) => {
  const path = await longRecording(t);
  const whole = readFileSync(path);
  for (const at of [100, 40_000, whole.length - 10]) {
    const damaged = join(ownFolder(t), "damaged.mbr");
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(damaged, bytes);
    const { plain, redacted } = await dropped(t, damaged);
    const bad = (await verify(damaged)).firstBad?.offset ?? -1;
    assert.equal((await verify(redacted)).firstBad?.offset, bad);
    assert.equal(plain.length, whole.length);
    assert.ok(plain.subarray(bad).every((byte) => byte === 0));
    assert.equal(plain.includes("secret-"), false);
  }
});

test("a recording that is not what was sealed is not made into one that is", async (t) => {
  const { sealed, before } = await dropped(t, await longRecording(t));
  const bytes = readFileSync(sealed);
  const at = (before?.frames[2]?.at ?? 0) + 40;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(sealed, bytes);
  const to = join(ownFolder(t), "to.mbr");
  await assert.rejects(sealChanged(sealed, to, new CredentialDropper()), {
    code: "recording-damaged",
    message: /frame 3/,
  });
});

test("whatever a front wrote as a credential, or in the place of another fact, goes", async (t) => {
  const facts: [type: number, text: string, left: unknown][] = [
    [2, '{"kind":"credential","password":"hush"}', { kind: "" }],
    [
      2,
      "no JSON but hush, and longer than what stands in its place",
      { kind: "credential-dropped", attempt: 0 },
    ],
    [
      2,
      '{"kind":"something-else","attempt":"7","hush":"hush hush"}',
      { kind: "credential-dropped", attempt: 0 },
    ],
    [1, '{"kind":"credential","attempt":8,"password":"hush"}', { kind: "credential-dropped", attempt: 8 }],
    [1, '{"kind":"local-reply","request":"no password"}', { kind: "local-reply", request: "no password" }],
  ];
  const path = await smallRecording(ownFolder(t));
  const header = readFileSync(path).subarray(0, 32);
  assert.equal(crc32(header.subarray(0, 28)), header.readUInt32LE(28));
  writeFileSync(path, Buffer.concat([header, ...facts.map(([type, text]) => entry(type, text))]));
  const { plain, redacted } = await dropped(t, path);
  assert.equal(plain.includes("hush"), false);
  const { entries } = await entriesOf(redacted);
  assert.deepEqual(
    entries.map(({ payload }) => JSON.parse(payload.toString()) as unknown),
    facts.map(([, , left]) => left),
  );
});

function entry(type: number, text: string): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(ENTRY_HEADER_SIZE), Buffer.from(text)]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  encodeEntryHead(bytes, view, 0, { type, from: undefined, channel: 0, at: 1n }, text.length);
  return bytes;
}
