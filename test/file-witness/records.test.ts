import assert from "node:assert/strict";
import { test } from "node:test";
import { BrokenContent, BrokenWitness, readRecords } from "../../gateway/warden/file-witness-records.ts";

interface Fields {
  readonly kind?: number;
  readonly how?: number;
  readonly leftOut?: number;
  readonly path?: string;
  readonly pathLength?: number;
  readonly size?: bigint;
  readonly uid?: number;
  readonly number?: number;
}

function record({ kind = 2, how = 1, leftOut = 0, path = "/x", uid = 7, ...rest }: Fields): Buffer {
  const header = Buffer.alloc(56);
  header.set([kind, how, leftOut]);
  header.writeUInt32LE(rest.pathLength ?? path.length, 4);
  for (const [place, value] of [11, uid, rest.number ?? 1, 5, 3].entries())
    header.writeUInt32LE(value, 8 + 4 * place);
  header.writeBigUInt64LE(1_700_000_000_000_000n, 32);
  header.writeBigUInt64LE(rest.size ?? 9n, 40);
  header.writeBigUInt64LE(77n, 48);
  return Buffer.concat([header, Buffer.from(path, "latin1")]);
}

function pieces(...contents: string[]): Buffer {
  return Buffer.concat(
    contents.flatMap((content) => [length(content.length), Buffer.from(content, "latin1")]),
  );
}

function length(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** In pieces of so many bytes. */
async function* sent(bytes: Buffer, at = bytes.length): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += at)
    yield await Promise.resolve(bytes.subarray(start, start + at));
}

async function all(output: AsyncIterable<Buffer>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const one of readRecords(output)) {
    if (one.kind !== "file" || typeof one.content === "string") {
      found.push(one);
      continue;
    }
    const content: Buffer[] = [];
    try {
      for await (const piece of one.content) content.push(piece);
      found.push({ ...one, content: Buffer.concat(content).toString("latin1") });
    } catch (error) {
      if (!(error instanceof BrokenContent)) throw error;
      found.push({ ...one, content: "broken" });
    }
  }
  return found;
}

const STREAM = Buffer.concat([
  record({ kind: 1, path: "" }),
  ...[record({ path: "/a\n\xff" }), pieces("one", "two"), length(0)],
  ...[record({ how: 2, uid: 0xffff_ffff }), pieces("cut"), length(0xffff_ffff)],
  record({ how: 3, leftOut: 5 }),
  record({ how: 2, leftOut: 1, size: 1n << 40n }),
  record({ how: 2, leftOut: 4 }),
  record({ kind: 3, path: "", size: 123n }),
  record({ kind: 4, path: "" }),
  record({ how: 4, leftOut: 4 }),
  record({ kind: 5, path: "" }),
]);

test("records are the same however their bytes arrive", async () => {
  const file = {
    kind: "file",
    number: 1,
    pid: 11,
    inside: 3,
    uid: 7,
    at: 1_700_000_000_000_000,
    seen: 77,
    size: 9,
    path: "/x",
  };
  const expected = [
    { kind: "ready" },
    { ...file, how: "run", path: "/a\n\xff", content: "onetwo" },
    // Its process had ended: the owner of the file stands in its place.
    { ...file, how: "deleted", uid: 5, content: "broken" },
    { ...file, how: "run-and-deleted", content: "as-before" },
    { ...file, how: "deleted", size: 2 ** 40, content: "too-large" },
    { ...file, how: "deleted", content: "total-reached" },
    { kind: "skipped", files: 123, at: 1_700_000_000_000_000 },
    { kind: "overflow" },
    { ...file, how: "read", content: "total-reached" },
    { kind: "marked" },
  ];
  for (const at of [1, 3, 7, 56, 57, STREAM.length]) assert.deepEqual(await all(sent(STREAM, at)), expected);
});

test("what is no record, and a stream that ends within one, is refused", async () => {
  for (const broken of [
    STREAM.subarray(0, 55),
    STREAM.subarray(0, 56 + 56 + 2),
    record({ kind: 9 }),
    record({ how: 0 }),
    record({ how: 200 }),
    record({ leftOut: 77 }),
    record({ path: "", pathLength: 4097 }),
    record({ size: 1n << 60n }),
    Buffer.concat([record({}), length(65_537), Buffer.alloc(65_537)]),
    Buffer.concat([record({}), pieces("x")]),
  ])
    await assert.rejects(all(sent(broken)), BrokenWitness);
});

test("a content that nobody reads is not taken for the next record", async () => {
  const records = readRecords(
    sent(Buffer.concat([record({}), pieces("x"), length(0), record({ kind: 1, path: "" })])),
  );
  await records.next();
  await assert.rejects(records.next(), BrokenWitness);
});
