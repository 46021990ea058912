import assert from "node:assert/strict";
import { test } from "node:test";
import { readEntries } from "../../../gateway/recording/reader.ts";
import { collect } from "../../recording/sample.ts";
import { BINARY, conversation, exported, recorded, STARTED } from "./sample.ts";

interface Line {
  readonly offset: number;
  readonly at: number;
  readonly time: string;
  readonly type: string;
  readonly fact?: { readonly kind: string; readonly password?: string };
  readonly from?: string;
  readonly channel?: number;
  readonly payload?: string;
  readonly text?: string;
}

function lines(stdout: Buffer): Line[] {
  return stdout
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

test("every entry is a line, from which the recording could be made again", async (t) => {
  const path = await recorded(t, conversation().whole());
  const { stdout, stderr, code } = await exported({ session: path, format: "jsonl" });
  assert.deepEqual([stderr, code], ["", 0]);
  const told = lines(stdout);
  const entries = await collect(readEntries(path));
  assert.equal(told.length, entries.length);
  for (const [index, entry] of entries.entries()) {
    const line = told[index];
    assert.deepEqual([line?.offset, BigInt(line?.at ?? -1)], [entry.offset, entry.at]);
    if (entry.type === "fact") assert.deepEqual(line?.fact, entry.fact);
    else {
      assert.deepEqual([line?.from, line?.channel], [entry.from, entry.channel]);
      assert.deepEqual(Buffer.from(line?.payload ?? "", "base64"), entry.payload);
    }
  }
  assert.equal(told[0]?.time, STARTED);
  assert.ok(told.some(({ text }) => text === BINARY.toString("utf8")));
});

test("--channel leaves out other channels' packets, no fact", async (t) => {
  const path = await recorded(t, conversation().whole());
  const all = lines((await exported({ session: path, format: "jsonl" })).stdout);
  const some = lines((await exported({ session: path, format: "jsonl", channel: 2 })).stdout);
  assert.deepEqual(
    some,
    all.filter(({ type, channel }) => type === "fact" || channel === 2),
  );
});

test("--redact credentials leaves no credential, in any format", async (t) => {
  const path = await recorded(t, conversation().whole());
  const open = await exported({ session: path, format: "jsonl" });
  assert.ok(open.stdout.includes("hunter2-secret"));
  const { stdout } = await exported({ session: path, format: "jsonl", redact: "credentials" });
  assert.ok(!stdout.includes("hunter2-secret"));
  assert.deepEqual(
    lines(stdout),
    lines(open.stdout).filter(({ fact }) => fact?.kind !== "credential"),
  );
  for (const format of ["asciicast", "asciicast-v2", "ttylog"]) {
    const told = await exported({ session: path, format, input: true, redact: "credentials" });
    assert.ok(told.stdout.length > 100 && !told.stdout.includes("hunter2-secret"), format);
  }
});

test("no byte of it acts on a terminal", async (t) => {
  const hostile = Buffer.from("\x1b]0;x\x07\x9b6n\xc2\x9b6n\xe2\x80\xae", "latin1");
  const talk = conversation();
  talk.gets(talk.open(), hostile);
  const { stdout } = await exported({ session: await recorded(t, talk.whole()), format: "jsonl" }, true);
  assert.doesNotMatch(stdout.toString(), /[^\P{C}\n]/u);
});

test("a recording that is cut or damaged is told up to there", async (t) => {
  const { readFileSync, writeFileSync } = await import("node:fs");
  const path = await recorded(t, conversation().whole());
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.subarray(0, bytes.length - 100));
  const cut = await exported({ session: path, format: "jsonl" });
  assert.match(cut.stderr, /cut off/);
  assert.equal(cut.code, 0);
  const at = bytes.indexOf("full screen");
  bytes[at] = 0;
  writeFileSync(path, bytes);
  const damaged = await exported({ session: path, format: "jsonl" });
  assert.match(damaged.stderr, /is damaged at byte \d+.*What stands before that was exported/);
  assert.equal(damaged.code, 1);
  assert.ok(damaged.stdout.length > 0 && !damaged.stdout.includes("-- status --"));
});
