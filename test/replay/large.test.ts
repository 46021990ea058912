import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { test, type TestContext } from "node:test";
import type { PlacedEvent } from "../../gateway/replay/channel-reader.ts";
import { Pace } from "../../gateway/replay/pace.ts";
import { playCommand } from "../../gateway/replay/play.ts";
import { Playback, type Jump } from "../../gateway/replay/playback.ts";
import { searchBackward, searchForward } from "../../gateway/replay/search.ts";
import { Survey, type ChannelSurvey } from "../../gateway/replay/survey.ts";
import { Whereabouts } from "../../gateway/replay/whereabouts.ts";
import { sealRecording } from "../../gateway/recording/seal.ts";
import { Conversation } from "../evidence/conversation.ts";
import { ownFolder } from "../recording/sample.ts";
import { ENDED, STARTED, Writing } from "./long-session.ts";

const MB = 1024 * 1024;
const SECONDS = 3000;
/** Each second; 48 MB in all. */
const BYTES_A_SECOND = 16 * 1024;

/** A shell that prints for 50 minutes, and says each second which one it is. */
async function large(t: TestContext): Promise<{ plain: string; sealed: string }> {
  const folder = ownFolder(t);
  const talk = new Conversation("0a1b2c3d4e5f", STARTED).login();
  const shell = talk.open();
  talk.shell(shell, 80, 24);
  const writing = new Writing(talk, folder);
  writing.write(talk.entries.splice(0));
  // Lines that zstd cannot make small, so that both forms are large.
  let seed = 1;
  for (let second = 1; second <= SECONDS; second += 1) {
    const filling = Buffer.alloc(BYTES_A_SECOND);
    for (let at = 0; at < filling.length; at += 1) {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      filling[at] = at % 78 === 77 ? 10 : 33 + ((seed >>> 16) % 90);
    }
    talk.after(1000).gets(shell, filling).gets(shell, `\r\nthis is second ${second}.\r\n`);
    writing.write(talk.entries.splice(0));
  }
  talk.exits(shell, 0);
  writing.write(talk.entries);
  const { path: plain } = await writing.recording.close(ENDED);
  const sealed = join(folder, "sealed.mbr");
  await sealRecording(plain, sealed, talk.session, []);
  return { plain, sealed };
}

/** Bytes that this process reads meanwhile. */
async function readBy(work: () => Promise<void>): Promise<number> {
  const read = () => Number(/^rchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
  const before = read();
  await work();
  return read() - before;
}

/** What a jump shows at once, as lines without an end. */
async function shownAt(
  path: string,
  channel: ChannelSurvey,
  to: Jump,
): Promise<{ lines: string[]; exact: boolean }> {
  let shown = "";
  const pace = new Pace();
  pace.pause(true);
  const shows = {
    begin: () => {
      shown = "";
    },
    take: (event: PlacedEvent) => {
      if (event.kind === "output") shown = (shown + event.data.toString()).slice(-4000);
    },
    show: () => Promise.reject(new Error("it stands")),
    settle: () => {
      playback.leave();
    },
    refresh: () => undefined,
  };
  const span = { from: channel.firstAt, to: BigInt(SECONDS) * 1_000_000_000n };
  const recording = new Whereabouts(path, () => Promise.resolve(path));
  const ends = { cut: false, damage: undefined };
  const options = { follow: false, mayStand: true, signal: new AbortController().signal };
  const playback = new Playback(recording, channel, span, pace, shows, ends, options);
  await playback.run(to);
  return { lines: shown.trimEnd().split("\r\n"), exact: !playback.isApproximate };
}

test("a large recording begins, jumps and is searched near a place without being read through", async (t) => {
  const paths = await large(t);
  for (const path of [paths.plain, paths.sealed]) {
    const begun = await readBy(async () => {
      const stdout = Object.assign(new PassThrough(), { isTTY: false });
      const playing = playCommand(
        { session: path },
        { stdin: new PassThrough(), stdout, stderr: new PassThrough() },
        () => Promise.resolve(path),
      );
      stdout.once("data", () => stdout.destroy(new Error("read enough")));
      assert.equal(await playing, 0);
    });
    assert.ok(begun < 4 * MB, `${begun} bytes read to begin`);

    const survey = new Survey(path);
    await survey.readOn({ most: MB });
    const [channel] = survey.channels;
    assert.ok(channel !== undefined && !channel.whole);
    for (const second of [1, 20, 700, 1500, 2999]) {
      const jumped = await readBy(async () => {
        const { lines, exact } = await shownAt(path, channel, {
          at: BigInt(second) * 1_000_000_000n + 500_000_000n,
        });
        assert.equal(lines.at(-1), `this is second ${second}.`);
        assert.equal(exact, second < 60);
      });
      assert.ok(jumped < 16 * MB, `${jumped} bytes read to jump to second ${second}`);
    }

    const signal = new AbortController().signal;
    const near = await readBy(async () => {
      const place = { at: 0n, offset: channel.firstOffset };
      const hit = await searchForward(path, channel, "IS SECOND 30.".toLowerCase(), place, signal);
      assert.equal(hit?.at, 30_000_000_000n + channel.firstAt);
      assert.equal(
        await searchForward(
          path,
          channel,
          "IS SECOND 30.",
          { ...place, at: hit.at, offset: hit.offset },
          AbortSignal.abort(),
        ),
        undefined,
      );
    });
    assert.ok(near < 4 * MB, `${near} bytes read to search`);
    const last = await searchForward(path, channel, "second 2999.", { at: 0n, offset: -1 }, signal);
    assert.ok(last !== undefined);
    const back = await readBy(async () => {
      const hit = await searchBackward(path, channel, "second 2998.", last, signal);
      assert.equal(hit?.at, last.at - 1_000_000_000n);
    });
    assert.ok(back < 40 * MB, `${back} bytes read to search back`);
    const first = await searchBackward(path, channel, "second 2.", last, signal);
    assert.equal(first?.at, 2_000_000_000n + channel.firstAt);
  }
});
