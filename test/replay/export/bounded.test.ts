import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { createRecording } from "../../../gateway/recording/writer.ts";
import { buildChannelData } from "../../../gateway/ssh/messages/channel.ts";
import { Conversation } from "../../evidence/conversation.ts";
import { ownFolder } from "../../recording/sample.ts";
import { SESSION } from "./sample.ts";

const run = promisify(execFile);
const PROGRAM = join(import.meta.dirname, "export-program.ts");
const PIECE = Buffer.alloc(32_000, "A line of text that fills a terminal from one side to the other.\r\n");
const PIECES = 3400;
/** Node itself has some 110 MB of it. */
const MOST_KB = 300_000;

const folder = mkdtempSync(join(tmpdir(), "mitsubako-test-bounded-"));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

let session = "";
/** 220 MB: a program that gets and gives more than a hundred megabytes. */
before(async () => {
  const talk = new Conversation(SESSION).login();
  const channel = talk.open();
  talk.exec(channel, "cat > f");
  let now = 0n;
  const recording = createRecording({ folder, session: talk.session, startedAt: 0n, now: () => now });
  for (const entry of talk.entries) {
    now = entry.at;
    if (entry.type === "packet") recording.packet(entry.from, entry.channel, entry.payload);
    else if (entry.fact.kind !== "session-ended") recording.fact(entry.fact);
  }
  const payload = buildChannelData(channel, PIECE);
  for (let piece = 0; piece < PIECES; piece++) {
    now += 1_000_000n;
    recording.packet("downstream", 1, payload);
    recording.packet("upstream", 1, payload);
    recording.flush();
  }
  session = (await recording.close({ kind: "session-ended", reason: "client-closed" })).path;
});

for (const [format, file, least] of [
  ["asciicast", "", 1],
  ["ttylog", "", 2],
  ["typescript", "typescript", 1],
  ["jsonl", "", 2.6],
  ["files", "0001-f", 1],
] as const) {
  test(`${format} of a large recording takes no more memory than that of a small one`, async (t) => {
    const output = join(ownFolder(t), "out");
    const { stderr } = await run(process.execPath, [PROGRAM, JSON.stringify({ session, format, output })]);
    const kilobytes = Number(stderr.split("\n").at(-1));
    assert.ok(statSync(join(output, file)).size >= least * PIECE.length * PIECES);
    assert.ok(kilobytes > 0 && kilobytes < MOST_KB, `${kilobytes} kB`);
  });
}

test("whoever reads slowly holds it up, and whoever stops reading ends it", async () => {
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify({ session, format: "jsonl" })], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let told = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (told += text));
  await once(child.stdout, "readable");
  await sleep(2000);
  child.stdout.destroy();
  await once(child, "exit");
  assert.ok(Number(told.split("\n").at(-1)) < MOST_KB, told);
});

test("stopped by a signal it leaves no half of a file", async (t) => {
  const output = join(ownFolder(t), "out");
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify({ session, format: "jsonl", output })], {
    stdio: "ignore",
  });
  while (!existsSync(output)) await sleep(5);
  child.kill("SIGTERM");
  const [code] = (await once(child, "exit")) as [number];
  assert.equal(code, 143);
  assert.ok(!existsSync(output));
});
