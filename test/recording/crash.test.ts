import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { once } from "node:events";
import { test } from "node:test";
import { readEntries } from "../../gateway/recording/reader.ts";
import { verify } from "../../gateway/recording/verify.ts";
import { SESSION, ownFolder } from "./sample.ts";

const WRITER = join(import.meta.dirname, "crash-writer.ts");
const RUNS = 40;

test(`killed with SIGKILL at ${RUNS} random moments, no recording loses what was acknowledged`, async (t) => {
  const folder = ownFolder(t);
  const run = async (number: number) => {
    const own = join(folder, String(number));
    mkdirSync(own);
    const child = spawn(process.execPath, [WRITER, own, SESSION], { stdio: ["ignore", "pipe", "inherit"] });
    const pieces: Buffer[] = [];
    child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
    const closed = once(child, "close");
    await once(child.stdout, "data");
    setTimeout(() => child.kill("SIGKILL"), Math.random() * 60);
    await closed;
    assert.equal(child.signalCode, "SIGKILL");

    const said = Buffer.concat(pieces);
    const acknowledged = said.readUInt32BE(said.length - 4 - (said.length % 4));
    const path = join(own, `${SESSION}.mbr`);
    let expected = 0;
    let at = 0n;
    for await (const entry of readEntries(path)) {
      assert.ok(entry.at >= at);
      at = entry.at;
      if (entry.type !== "packet") continue;
      assert.equal(entry.payload.readUInt32BE(1), expected);
      expected += 1;
    }
    assert.ok(expected > acknowledged, `${expected} packets are there, ${acknowledged} was acknowledged`);
    const { complete, firstBad } = await verify(path);
    assert.deepEqual({ complete, firstBad }, { complete: false, firstBad: undefined });
  };
  for (let number = 0; number < RUNS; number += 2) await Promise.all([run(number), run(number + 1)]);
});

test("on a full disk the writer says recording-failed, stays failed, and what fitted is readable", async (t) => {
  assert.equal(process.getuid?.(), 0, "this test mounts a small file system and needs root: sudo npm test");
  const folder = ownFolder(t);
  const script = `mount -t tmpfs -o size=256k tmpfs "$0" && "$1" "$2" "$0" ${SESSION} --until-failure && cp "$0/${SESSION}.mbr" "$3"`;
  const kept = ownFolder(t);
  const said = execFileSync(
    "unshare",
    ["--mount", "sh", "-c", script, folder, process.execPath, WRITER, kept],
    { encoding: "utf8", timeout: 120_000 },
  );
  const { code, message, again } = JSON.parse(said) as Record<string, string>;
  assert.equal(code, "recording-failed");
  assert.match(message ?? "", /ENOSPC/);
  assert.equal(again, "same");
  const { entries, cutAt, firstBad, bytes } = await verify(join(kept, `${SESSION}.mbr`));
  assert.equal(firstBad, undefined);
  assert.ok(entries > 250 && bytes > 200_000 && (cutAt ?? 0) > bytes - 1000);
});

test("the writer needs no more than writing in one folder under Node's permission model", (t) => {
  const folder = ownFolder(t);
  const permissions = ["--permission", `--allow-fs-read=${process.cwd()}`, `--allow-fs-write=${folder}`];
  const close = `
    import { createRecording } from ${JSON.stringify(join(process.cwd(), "gateway/recording/writer.ts"))};
    const recording = createRecording({ folder: ${JSON.stringify(folder)}, session: "${SESSION}", onFailure: (error) => { throw error; } });
    recording.packet("upstream", 1, Buffer.alloc(100));
    recording.flush();
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const { bytes } = await recording.close({ kind: "session-ended", reason: "drain" });
    console.log(bytes);`;
  const said = execFileSync(process.execPath, [...permissions, "--input-type=module", "-e", close], {
    encoding: "utf8",
    timeout: 120_000,
  });
  assert.ok(Number(said) > 200);
});
