import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { documents } from "../../gateway/policy/write-documents.ts";

for (const [path, content] of Object.entries(documents())) {
  test(`${path} is what the schemas say`, async () => {
    const written = await readFile(new URL(`../../${path}`, import.meta.url), "utf8");
    assert.equal(written, content, "stale: run `node gateway/policy/write-documents.ts`");
  });
}
