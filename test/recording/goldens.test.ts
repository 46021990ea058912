import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { SessionId } from "../../gateway/model/ids.ts";
import { readEntries } from "../../gateway/recording/reader.ts";
import { CredentialDropper } from "../../gateway/recording/redact.ts";
import { sealChanged, sealRecording } from "../../gateway/recording/seal.ts";
import { openSource } from "../../gateway/recording/source.ts";
import { verify } from "../../gateway/recording/verify.ts";
import { GOLDEN_SESSIONS, record } from "./golden-sessions.ts";
import { inJson } from "./in-json.ts";
import { collect, ownFolder } from "./sample.ts";

const GOLDENS = join(import.meta.dirname, "../goldens/recordings");

for (const golden of GOLDEN_SESSIONS) {
  const path = join(GOLDENS, `${golden.name}.mbr`);

  test(`${golden.name} decodes as it always has`, async () => {
    const stream = readEntries(path);
    const entries = (await collect(stream)).map(inJson);
    const expected: unknown = JSON.parse(readFileSync(join(GOLDENS, `${golden.name}.json`), "utf8"));
    assert.deepEqual(JSON.parse(JSON.stringify({ tail: stream.tail, entries })), expected);
    const { complete, firstBad, session } = await verify(path);
    assert.deepEqual(
      { complete, firstBad, session },
      { complete: golden.end !== undefined, firstBad: undefined, session: golden.session },
    );
  });

  test(`${golden.name} is what this version writes`, async (t) => {
    const written = await record(golden, ownFolder(t));
    assert.deepEqual(readFileSync(written), readFileSync(path));
  });
}

test("v1-dropped, of which the passwords were dropped, decodes as it always has", async () => {
  const path = join(GOLDENS, "v1-dropped.mbr");
  const stream = readEntries(path);
  const entries = (await collect(stream)).map(inJson);
  const expected: unknown = JSON.parse(readFileSync(join(GOLDENS, "v1-dropped.json"), "utf8"));
  assert.deepEqual(JSON.parse(JSON.stringify({ tail: stream.tail, entries })), expected);
  const { complete, dropped, bytes } = await verify(path);
  assert.deepEqual([complete, dropped, bytes], [true, 3, statSync(join(GOLDENS, "v1-refused.mbr")).size]);
});

test("v1-dropped is what this version leaves of v1-refused", async (t) => {
  const [sealed, dropped] = ["sealed", "dropped"].map((name) => join(ownFolder(t), name));
  assert.ok(sealed && dropped);
  await sealRecording(join(GOLDENS, "v1-refused.mbr"), sealed, "0ff0ff0ff0ff" as SessionId, []);
  await sealChanged(sealed, dropped, new CredentialDropper());
  const expected = readFileSync(join(GOLDENS, "v1-dropped.mbr"));
  await using source = await openSource(dropped);
  const bytes = Buffer.alloc(await source.size());
  await source.read(bytes, 0);
  assert.ok(bytes.equals(expected));
});

for (const name of ["shell", "cut", "dropped"])
  test(`sealed1-${name} gives what was sealed, as it always has`, async () => {
    const plain = readFileSync(join(GOLDENS, `v1-${name}.mbr`));
    const path = join(GOLDENS, `sealed1-${name}.mbr`);
    await using source = await openSource(path);
    const bytes = Buffer.alloc(plain.length + 1);
    assert.equal(await source.read(bytes, 0), plain.length);
    assert.ok(bytes.subarray(0, -1).equals(plain));
    const markers = source.sealed?.index.markers;
    const one = { at: 5_000_000n, offset: 32, channel: 1, kind: "command", text: "ls \xff" };
    assert.deepEqual(markers, name === "shell" ? [one] : []);
    assert.equal((await verify(path)).firstBad, undefined);
  });
