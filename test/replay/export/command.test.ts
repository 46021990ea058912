import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { FORMATS } from "../../../gateway/replay/export/export-options.ts";
import type { SessionId } from "../../../gateway/model/ids.ts";
import { sealRecording } from "../../../gateway/recording/seal.ts";
import { ownFolder } from "../../recording/sample.ts";
import { conversation, recorded, SESSION } from "./sample.ts";

const MAIN = join(import.meta.dirname, "../../../gateway/main.ts");
const run = promisify(execFile);

/** A data folder with one session that has something for every format. */
async function dataFolder(t: TestContext): Promise<{ data: string; recording: string }> {
  const data = ownFolder(t);
  const talk = conversation();
  const forward = talk.forward("c2.example", 443);
  talk.sends(forward, "hello").gets(forward, "bye");
  talk.exec(talk.open(), "echo dropped > /tmp/x").exits(3, 0);
  const folder = join(data, "recordings/2026-11-23", SESSION);
  mkdirSync(folder, { recursive: true });
  const recording = join(folder, "session.mbr");
  renameSync(await recorded(t, talk.whole()), recording);
  return { data, recording };
}

/** All that an export wrote, by name. */
function written(path: string): Record<string, string> {
  const names = statSync(path).isDirectory() ? readdirSync(path) : [""];
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(path, name), "latin1")]));
}

test("every format by the command, found by the beginning of its id; a sealed recording gives the same", async (t) => {
  const { data, recording } = await dataFolder(t);
  const out = ownFolder(t);
  const all = async (suffix: string) => {
    const results: Record<string, Record<string, string>> = {};
    for (const format of FORMATS) {
      const path = join(out, `${format}${suffix}`);
      await run(process.execPath, [
        MAIN,
        "export",
        SESSION.slice(0, 5),
        "--data",
        data,
        "-f",
        format,
        "-o",
        path,
      ]);
      results[format] = written(path);
    }
    return results;
  };
  const plain = await all("");
  for (const format of FORMATS) assert.ok(Object.values(plain[format] ?? {}).join("").length > 100, format);
  const sealed = `${recording}.sealed`;
  await sealRecording(recording, sealed, SESSION as SessionId, []);
  renameSync(sealed, recording);
  assert.deepEqual(await all("-sealed"), plain);
});

function refused(...args: string[]): { stderr: string; status: number | null } {
  const { stderr, status } = spawnSync(process.execPath, [MAIN, "export", ...args], { encoding: "utf8" });
  return { stderr, status };
}

test("what cannot be done is said in a sentence, with what to do, and what was there stays", async (t) => {
  const { data, recording } = await dataFolder(t);
  const out = ownFolder(t);
  const there = join(out, "there");
  mkdirSync(there);
  for (const [args, code, says] of [
    [[recording, "-f", "gif"], 2, /There is no format gif\. --format takes one of asciicast, /],
    [[recording, "--redact", "all"], 2, /--redact takes credentials/],
    [[recording, "--channel", "0"], 2, /--channel takes a channel's number/],
    [
      [recording, "--channel", "77"],
      1,
      /no channel 77\. It has these \(--channel N\):\n {2}channel 1, shell/,
    ],
    [[recording, "-f", "files"], 2, /is a folder of files\. Name one that is not there yet with -o/],
    [[recording, "-f", "files", "-o", there], 2, /is there already\. An export replaces nothing/],
    [[recording, "-o", there], 2, /is there already/],
    [[recording, "-o", join(out, "no/such/x")], 2, /is not there\. Make it first, or name another/],
    [["ffff", "--data", data], 1, /There is no session ffff/],
    [[recording, "-f", "pcap", "--channel", "1", "-o", join(out, "p")], 1, /No connection was forwarded/],
  ] as const) {
    const { stderr, status } = refused(...args);
    assert.match(stderr, says);
    assert.equal(status, code, stderr);
  }
  assert.deepEqual(readdirSync(out), ["there"]);
});

test("on a terminal nothing comes that is not text, and no control character of a stranger's", async (t) => {
  const { recording } = await dataFolder(t);
  const onTerminal = (format: string) => {
    const log = join(ownFolder(t), "log");
    const command = `'${process.execPath}' '${MAIN}' export '${recording}' -f ${format}`;
    execFileSync("script", ["-q", "-O", log, "-c", command], {
      stdio: "ignore",
      env: { ...process.env, SHELL: "/bin/sh" },
    });
    return readFileSync(log, "utf8")
      .replace(/^Script started.*\n/, "")
      .replace(/\n?Script done.*\n$/, "");
  };
  for (const format of ["ttylog", "pcap", "html"])
    assert.match(
      onTerminal(format),
      new RegExp(`^mitsubako: The format ${format} is not for a terminal\\. `),
    );
  for (const format of ["asciicast", "asciicast-v2", "text", "jsonl"]) {
    const shown = onTerminal(format);
    assert.match(shown, /full screen/);
    assert.doesNotMatch(shown, /[^\P{Cc}\r\n]/u, format);
  }
});
