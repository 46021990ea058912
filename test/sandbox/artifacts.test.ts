import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { Artifacts } from "../../gateway/sandbox/artifacts.ts";

test("a content is kept to the byte, and its zeros take no room", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mitsubako-artifacts-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const artifacts = new Artifacts(folder);
  const zeros = Buffer.alloc(300_000);
  const some = Buffer.alloc(20_001, "x");
  for (const parts of [
    [],
    [zeros],
    [some],
    [zeros, some, zeros],
    [some, zeros, some],
    [Buffer.concat([zeros, some, zeros, some]), zeros, Buffer.from([1])],
  ]) {
    const content = Buffer.concat(parts);
    const kept = await artifacts.keep(Readable.from(parts), 2 ** 20);
    assert.equal(kept?.sha256, createHash("sha256").update(content).digest("hex"));
    assert.equal(kept.size, content.length);
    const name = join(folder, kept.sha256);
    assert.ok(readFileSync(name).equals(content));
    const written = content.filter((byte) => byte !== 0).length;
    const { blocks } = statSync(name);
    assert.ok(blocks * 512 <= written + 4 * 16_384, `${blocks} blocks for ${written} bytes`);
  }
  const names = readdirSync(folder).length;
  assert.equal(await artifacts.keep(Readable.from([some, zeros]), 320_000), undefined);
  assert.equal(readdirSync(folder).length, names);
});
