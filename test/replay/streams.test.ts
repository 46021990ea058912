import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { readEntries } from "../../gateway/recording/reader.ts";
import { channelEvents, type ChannelEvent } from "../../gateway/replay/streams.ts";
import { surveyChannels } from "../../gateway/replay/survey.ts";

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = [];
  for await (const value of values) taken.push(value);
  return taken;
}

const GOLDENS = join(import.meta.dirname, "../goldens/recordings");

function eventsOf(golden: string): Promise<ChannelEvent[]> {
  return all(channelEvents(readEntries(join(GOLDENS, `${golden}.mbr`))));
}

function told(events: readonly ChannelEvent[], channel: number): unknown[] {
  return events
    .filter((event) => event.channel === channel)
    .map((event) => ("data" in event ? [event.kind, event.data.toString("latin1")] : event.kind));
}

test("a shell's channel is told from its opening to its exit", async () => {
  const events = await eventsOf("v1-shell");
  assert.deepEqual(told(events, 1).slice(0, 6), [
    "opened",
    "terminal",
    "shell",
    ["output", "\x1b[01;32madmin@srv01\x1b[00m:\x1b[01;34m~\x1b[00m$ "],
    ["input", "l"],
    ["output", "l"],
  ]);
  assert.deepEqual(told(events, 1).slice(-4), ["end-of-file", "exited", "closed", "closed"]);
  assert.ok(events.some((event) => event.kind === "resized" && event.size.columns === 120));
});

test("two commands at once are kept apart, and error output from output", async () => {
  const events = await eventsOf("v1-exec");
  assert.deepEqual(told(events, 1), [
    "opened",
    "exec",
    ["output", "Linux srv01 6.1.0-28-amd64\n"],
    ["error-output", "2\n"],
    "exited",
    "end-of-file",
    "closed",
    "closed",
  ]);
  assert.deepEqual(told(events, 2), [
    "opened",
    "exec",
    ["input", "\x7fELF\x00\xff\r\n\x1b[c"],
    "end-of-file",
    "killed",
    "closed",
    "closed",
  ]);
});

test("a survey tells each channel's way, end and size, and whether the recording was cut", async () => {
  const never = new AbortController().signal;
  const shell = await surveyChannels(join(GOLDENS, "v1-shell.mbr"), never);
  assert.deepEqual(
    shell.channels.map(({ channel, started, outcome, terminal }) => ({
      channel,
      started,
      outcome,
      columns: terminal?.size.columns,
    })),
    [{ channel: 1, started: { how: "shell" }, outcome: { status: 130 }, columns: 80 }],
  );
  const exec = await surveyChannels(join(GOLDENS, "v1-exec.mbr"), never);
  assert.deepEqual(
    exec.channels.map(({ started, outcome, output }) => ({ started, outcome, output })),
    [
      {
        started: { how: "exec", what: "uname -a; nproc >&2", whole: true },
        outcome: { status: 0 },
        output: 29,
      },
      {
        started: { how: "exec", what: "cat > /tmp/.x", whole: true },
        outcome: { signal: "KILL" },
        output: 0,
      },
      { started: undefined, outcome: undefined, output: 0 },
    ],
  );
  assert.equal((await surveyChannels(join(GOLDENS, "v1-cut.mbr"), never)).cut, true);
});
