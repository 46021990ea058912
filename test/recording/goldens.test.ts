import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readEntries } from "../../gateway/recording/reader.ts";
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

for (const name of ["shell", "cut"])
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
