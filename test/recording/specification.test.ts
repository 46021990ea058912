import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { toByteString } from "../../gateway/model/bytes.ts";
import { readRawEntries } from "../../gateway/recording/reader.ts";
import { createRecording } from "../../gateway/recording/writer.ts";
import { buildChannelData } from "../../gateway/ssh/messages/channel.ts";
import { GOLDEN_SESSIONS } from "./golden-sessions.ts";
import { ENDED, SESSION, ownFolder } from "./sample.ts";

const DOCUMENT = readFileSync(join(import.meta.dirname, "../../docs/recording-format.md"), "utf8");

function block(language: string): string {
  const found = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "ms").exec(DOCUMENT)?.[1];
  assert.ok(found !== undefined);
  return found;
}

test("the example in docs/recording-format.md is what the writer writes", async (t) => {
  let ms = 0;
  const now = () => BigInt(ms) * 1_000_000n;
  const recording = createRecording({ folder: ownFolder(t), session: SESSION, startedAt: 0n, now });
  ms = 1;
  recording.fact({ kind: "client-version", version: toByteString(Buffer.from("SSH-2.0-Go")) });
  ms = 2;
  recording.packet("upstream", 1, buildChannelData(0, "hi\n"));
  ms = 3;
  const { path } = await recording.close(ENDED);
  const shown = block("hex")
    .split("\n")
    .map((line) => line.slice(6, 53).replaceAll(" ", ""))
    .join("");
  assert.equal(shown, readFileSync(path).toString("hex"));
});

test("the reader in docs/recording-format.md, in another language, reads the goldens as ours does", async (t) => {
  const program = join(ownFolder(t), "reader.py");
  writeFileSync(program, block("python"));
  for (const name of [...GOLDEN_SESSIONS.map((golden) => golden.name), "v1-dropped"]) {
    const path = join(import.meta.dirname, `../goldens/recordings/${name}.mbr`);
    let expected = "";
    for await (const { type, from, channel, at, payload } of readRawEntries(path)) {
      const direction = from === undefined ? 0 : from === "downstream" ? 1 : 2;
      expected += `${type} ${direction} ${channel} ${at} ${payload.toString("hex")}\n`;
    }
    assert.equal(execFileSync("python3", [program, path], { encoding: "utf8" }), expected);
  }
});

test("the reader of the sealed form in docs/recording-format.md gives the goldens' plain bytes, and finds a changed one", (t) => {
  const folder = ownFolder(t);
  const program = join(folder, "reader.py");
  writeFileSync(program, block("python sealed"));
  // The distribution's, which has the package.
  const read = (path: string) => execFileSync("/usr/bin/python3", [program, path], { stdio: "pipe" });
  for (const name of ["shell", "cut", "dropped"]) {
    const goldens = join(import.meta.dirname, "../goldens/recordings");
    const sealed = readFileSync(join(goldens, `sealed1-${name}.mbr`));
    assert.ok(
      read(join(goldens, `sealed1-${name}.mbr`)).equals(readFileSync(join(goldens, `v1-${name}.mbr`))),
    );
    const changed = join(folder, "changed.mbr");
    sealed[100] = (sealed[100] ?? 0) ^ 1;
    writeFileSync(changed, sealed);
    assert.throws(() => read(changed), /frame 1 is not what was sealed/);
  }
});
