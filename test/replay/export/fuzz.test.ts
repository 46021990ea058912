import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Entry } from "../../../gateway/model/entries.ts";
import { MitsubakoError } from "../../../gateway/model/errors.ts";
import { FORMATS } from "../../../gateway/replay/export/export-options.ts";
import { string, u32, u64 } from "../../../gateway/ssh/messages/writer.ts";
import { ownFolder } from "../../recording/sample.ts";
import { conversation, exported, recorded } from "./sample.ts";

/** Numbers that come out the same in every run. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => (state = (state * 48271) % 2147483647) % below;
}

const sftp = (type: number, ...fields: Buffer[]) => {
  const body = Buffer.concat([Buffer.of(type), ...fields]);
  return Buffer.concat([u32(body.length), body]);
};

/** Something for every format to read. */
function rich(): Entry[] {
  const talk = conversation();
  const forward = talk.forward("c2.example", 443);
  talk.sends(forward, "hello").gets(forward, "bye");
  const files = talk.open();
  talk.request(files, "subsystem", string("sftp"));
  talk
    .sends(files, sftp(3, u32(1), string("/x"), u32(2), u32(0)))
    .gets(files, sftp(102, u32(1), string("h")));
  talk.sends(files, sftp(6, u32(2), string("h"), u64(0n), string("data")));
  talk.sends(files, sftp(4, u32(3), string("h")));
  const copy = talk.open();
  talk.exec(copy, "scp -t /tmp").sends(copy, "C0644 3 a\nabc\0");
  const shell = talk.open();
  talk.request(shell, "shell").sends(shell, "cat > f << E\nbody $x\nE\necho -ne '\\x41' | base64 -d >> g\n");
  return talk.whole();
}

/** Each format of it: as it should be, or refused in an orderly way. */
async function everyFormat(t: TestContext, entries: readonly Entry[], what: string): Promise<void> {
  const session = await recorded(t, entries);
  for (const format of FORMATS) {
    for (const channel of [undefined, 1, 2, 4]) {
      const output = join(ownFolder(t), "out");
      try {
        await exported({
          session,
          format,
          output,
          input: true,
          ...(channel === undefined ? {} : { channel }),
        });
      } catch (error) {
        assert.ok(
          error instanceof MitsubakoError && error.code !== "internal",
          `${what}, ${format}: ${String(error)}`,
        );
        continue;
      }
      if (format === "files") {
        const told = JSON.parse(readFileSync(join(output, "files.json"), "utf8")) as unknown[];
        assert.equal(readdirSync(output).length, told.length + 1, what);
      } else if (format.startsWith("asciicast") || format === "jsonl") {
        if (!existsSync(output)) continue;
        for (const line of readFileSync(output, "utf8").trimEnd().split("\n")) {
          const parsed = JSON.parse(line) as unknown;
          assert.ok(!Array.isArray(parsed) || (parsed as [number])[0] >= 0, line);
        }
      }
    }
  }
}

test("changed bytes in packets", async (t) => {
  const random = dice(11);
  for (let round = 0; round < 20; round++) {
    const entries = rich().map((entry) => {
      if (entry.type !== "packet" || random(4) !== 0) return entry;
      const payload = Buffer.from(entry.payload);
      for (let change = random(4); change >= 0; change--) payload[random(payload.length)] = random(256);
      return {
        ...entry,
        payload: random(8) === 0 ? payload.subarray(0, random(payload.length) + 1) : payload,
      };
    });
    await everyFormat(t, entries, `round ${round}`);
  }
});

test("entries left out, said twice and out of order", async (t) => {
  const random = dice(12);
  for (let round = 0; round < 15; round++) {
    const [first, ...others] = rich();
    assert.ok(first !== undefined);
    const entries = others.flatMap((entry) =>
      random(10) === 0 ? [] : random(10) === 0 ? [entry, entry] : [entry],
    );
    for (let swap = 0; swap < 5; swap++) {
      const [one, other] = [random(entries.length), random(entries.length)];
      const [a, b] = [entries[one], entries[other]];
      if (a !== undefined && b !== undefined) [entries[one], entries[other]] = [b, a];
    }
    await everyFormat(t, [first, ...entries], `round ${round}`);
  }
});

test("times and a start that no clock ever showed", async (t) => {
  for (const startedAt of [
    "",
    "never",
    "9999-12-31T23:59:59.999999Z",
    "0000-01-01T00:00:00Z",
    "2026-99-99T99:99:99Z",
  ]) {
    for (const scale of [1n, 10n ** 9n, 2n ** 33n]) {
      const entries = rich().map((entry): Entry => {
        const at = (entry.at * scale) % 2n ** 64n;
        return entry.type === "fact" && entry.fact.kind === "session-opened"
          ? { ...entry, at, fact: { ...entry.fact, startedAt } }
          : { ...entry, at };
      });
      await everyFormat(t, entries, `${startedAt} ${scale}`);
    }
  }
});

test("random bytes as what passed on a terminal, in SFTP, in SCP and in a shell", async (t) => {
  const random = dice(13);
  const bytes = () =>
    Buffer.from(Array.from({ length: random(300) }, () => (random(3) === 0 ? random(32) : random(256))));
  for (let round = 0; round < 15; round++) {
    const talk = conversation();
    for (const start of ["sftp", "scp -rt .", "sh", "cat > x"]) {
      const channel = talk.open();
      if (start === "sftp") talk.request(channel, "subsystem", string(start));
      else talk.exec(channel, start);
      for (let piece = 0; piece < 10; piece++) talk.sends(channel, bytes()).gets(channel, bytes());
    }
    const terminal = talk.open();
    talk.shell(terminal, random(200), random(60));
    for (let piece = 0; piece < 20; piece++) talk.gets(terminal, bytes());
    const session = await recorded(t, talk.whole());
    for (const format of ["text", "files", "asciicast"]) {
      const output = join(ownFolder(t), "out");
      await exported({ session, format, output, channel: format === "files" ? 4 : 7 }).catch(
        (error: unknown) => {
          assert.ok(error instanceof MitsubakoError && error.code === "not-found", String(error));
        },
      );
    }
  }
});
