import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { test } from "node:test";
import { verifyCommand, type VerifyOptions } from "../../gateway/replay/verify-command.ts";
import { ownFolder } from "../recording/sample.ts";

const GOLDENS = join(import.meta.dirname, "../goldens/recordings");
const golden = (name: string) => join(GOLDENS, `${name}.mbr`);

async function verified(options: VerifyOptions): Promise<{ code: number; said: string }> {
  let said = "";
  const stdout = new Writable({
    write(piece: Buffer, _encoding, done) {
      said += piece.toString();
      done();
    },
  });
  const code = await verifyCommand(options, { stdout }, (session) => Promise.resolve(golden(session)));
  return { code, said };
}

test("verify says complete, cut or damaged in a sentence, and 1 only for damage", async (t) => {
  const whole = await verified({ sessions: ["v1-shell", "v1-cut"] });
  assert.equal(whole.code, 0);
  assert.match(
    whole.said,
    /^5e55105e1100: complete, 33 entries, 2800 bytes, last hash [0-9a-f]{64}\.\nc0c0c0c0c0c0: cut off after 16 entries, .*good up to byte 2048\.\n$/,
  );

  const bytes = readFileSync(golden("v1-exec"));
  bytes[1000] = (bytes[1000] ?? 0) ^ 1;
  const path = join(ownFolder(t), "changed.mbr");
  writeFileSync(path, bytes);
  const changed = await verified({ sessions: [path, "v1-exec"] });
  assert.equal(changed.code, 1);
  assert.match(changed.said, /^e8ec0e8ec000: damaged at byte \d+ \(.*\); .*\ne8ec0e8ec000: complete/);
});

test("verify --json is one object a line, for programs", async () => {
  const { said } = await verified({ sessions: ["v1-shell", "v1-cut"], json: true });
  const [whole, cut] = said
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    [whole?.["session"], whole?.["complete"], whole?.["path"], cut?.["complete"], cut?.["cutAt"]],
    ["5e55105e1100", true, golden("v1-shell"), false, 2048],
  );
});
