import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ownFolder } from "../../recording/sample.ts";
import {
  BINARY,
  conversation,
  exported,
  recorded,
  RESIZED,
  SESSION,
  SHELL,
  STARTED_MICROS,
} from "./sample.ts";

type Event = [number, string, string];

async function cast(path: string, format: string, more: { channel?: number; input?: boolean } = {}) {
  const { stdout, code } = await exported({ session: path, format, ...more });
  assert.equal(code, 0);
  const [head = "", ...lines] = stdout.toString().trimEnd().split("\n");
  return {
    header: JSON.parse(head) as Record<string, unknown>,
    events: lines.map((line) => JSON.parse(line) as Event),
  };
}

/** All output, as text is read from a stream. */
const OUTPUT = Buffer.concat(SHELL.filter(({ from }) => from === "out").map(({ data }) => data));
const textOf = (events: readonly Event[], code: string) =>
  events.flatMap(([, each, data]) => (each === code ? [data] : [])).join("");

test("version 2 has the terminal's size, its output at its times, resizes and commands", async (t) => {
  const path = await recorded(t, conversation().whole());
  const { header, events } = await cast(path, "asciicast-v2");
  assert.deepEqual(header, {
    version: 2,
    width: 80,
    height: 24,
    timestamp: Math.floor((STARTED_MICROS + 1_040_000) / 1e6),
    title: `${SESSION}, channel 1`,
    env: { TERM: "xterm" },
  });
  assert.equal(textOf(events, "o"), OUTPUT.toString("utf8"));
  assert.ok(
    textOf(events, "o").includes("h\u00e9\ufffd"),
    "a character in two packets, and a byte that is none",
  );
  assert.deepEqual(
    events.filter(([, code]) => code === "r"),
    [[RESIZED.at / 1000, "r", `${RESIZED.columns}x${RESIZED.rows}`]],
  );
  assert.deepEqual(
    events.filter(([, code]) => code === "m").map(([, , label]) => label),
    ["cat \u871c", "vi x"],
  );
  assert.deepEqual(
    events.filter(([, code]) => code === "o").map(([time]) => time),
    SHELL.flatMap(({ from, at }) => (from === "out" ? [at / 1000] : [])),
  );
  assert.ok(!events.some(([, code]) => code === "i" || code === "x"));
});

test("--input adds what was typed", async (t) => {
  const path = await recorded(t, conversation().whole());
  const { events } = await cast(path, "asciicast-v2", { input: true });
  assert.equal(textOf(events, "i"), "cat \u871c\rvi x\r");
});

test("version 3 has intervals that add up to version 2's times, and the exit status", async (t) => {
  const path = await recorded(t, conversation().whole());
  const second = await cast(path, "asciicast-v2");
  const third = await cast(path, "asciicast");
  assert.deepEqual(third.header["term"], { cols: 80, rows: 24, type: "xterm" });
  assert.equal(third.header["version"], 3);
  let micros = 0;
  const added = third.events.map(([interval, code, data]): Event => {
    micros += Math.round(interval * 1e6);
    return [micros / 1e6, code, data];
  });
  assert.deepEqual(added.slice(0, -1), second.events);
  assert.deepEqual(added.at(-1)?.slice(1), ["x", "0"]);
});

test("a program without a terminal: both outputs, its command, each line feed with its return", async (t) => {
  const path = await recorded(t, conversation().whole());
  const { header, events } = await cast(path, "asciicast", { channel: 2 });
  assert.equal(header["command"], "sort >&2; cat /dev/bin");
  const binary = BINARY.toString("utf8").replace("\n", "\r\n");
  assert.equal(textOf(events, "o"), `a\r\nb\r\n${binary}`);
  assert.deepEqual(events.at(-1)?.slice(1), ["x", "3"]);
  assert.equal(textOf(events, "m"), "sort >&2; cat /dev/bin");
});

test("asciinema itself shows version 2 as the terminal showed it", async (t) => {
  const path = await recorded(t, conversation().whole());
  const folder = ownFolder(t);
  const file = join(folder, "session.cast");
  await exported({ session: path, format: "asciicast-v2", output: file });
  // It wants a terminal to read keys from, which script(1) gives it; that terminal is to add nothing.
  const log = join(folder, "shown");
  const command = `stty -opost && exec asciinema cat '${file}'`;
  execFileSync("script", ["-q", "-e", "-O", log, "-c", command], {
    env: { ...process.env, SHELL: "/bin/sh", LC_ALL: "C.UTF-8" },
    stdio: "ignore",
  });
  const shown = readFileSync(log, "utf8").replace(/^Script started.*\n/, "");
  assert.equal(shown.replace(/\n?Script done.*\n$/, ""), OUTPUT.toString("utf8"));
});
