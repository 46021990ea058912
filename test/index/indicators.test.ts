import assert from "node:assert/strict";
import { test } from "node:test";
import { DatabaseSync } from "node:sqlite";
import { extractEvidence } from "../../gateway/evidence/extract.ts";
import { INDICATOR_KINDS, type Found } from "../../gateway/evidence/indicators/indicator.ts";
import { selectIndicators } from "../../gateway/index/indicators.ts";
import { IndexReader } from "../../gateway/index/query.ts";
import { prepareSchema } from "../../gateway/index/schema.ts";
import { IndexStore } from "../../gateway/index/store.ts";
import type { Capture } from "../../gateway/model/capture.ts";
import { parseMicros } from "../../gateway/model/timestamps.ts";
import { byteString } from "../evidence/indicators/byte-string.ts";
import { Conversation, SANDBOX } from "../evidence/conversation.ts";

const URL: Found = { kind: "url", value: byteString("http://203.0.113.7/a") };
const CRON: Found = { kind: "cron", value: byteString("* * * * * /tmp/\x1b[2J\0x") };

/** Two sessions of a day and one of the next, each of another source; the second one's end caused two captures. */
async function filled() {
  const database = new DatabaseSync(":memory:");
  prepareSchema(database);
  const index = new IndexStore(database);
  for (const [number, day] of [23, 23, 24].entries()) {
    const talk = new Conversation(`00000000000${number}`, `2026-11-${day}T0${number}:00:00.000000Z`).login();
    const [opened] = talk.entries;
    if (opened?.type === "fact" && opened.fact.kind === "session-opened")
      talk.entries[0] = {
        ...opened,
        fact: { ...opened.fact, source: { address: `192.0.2.${number}`, port: 5 } },
      };
    talk.exec(talk.after(1500).open(), number === 1 ? "id" : "curl http://203.0.113.7/a");
    index.putFinished(`recordings/x/${number}`, "ended", await extractEvidence(talk.whole()));
    if (number === 1)
      for (const ordinal of [1, 2])
        index.putCapture(talk.session, ordinal, capture(ordinal), new Map([[0, [CRON, URL]]]));
  }
  const reader = new IndexReader(database);
  const list = (filter: Partial<Parameters<typeof selectIndicators>[1]> = {}) =>
    selectIndicators(reader.ask, { kinds: INDICATOR_KINDS, limit: 100, ...filter });
  return { index, reader, list };
}

function capture(hour: number): Capture {
  return {
    ...{
      sandbox: SANDBOX,
      sessions: [],
      source: "192.0.2.1",
      takenAt: `2026-11-23T1${hour}:00:00.000000Z`,
      cut: false,
    },
    changes: [{ kind: "A", path: "/var/spool/cron/crontabs/root", type: "file", sha256: "ab".repeat(32) }],
  };
}

test("each value once: when it was seen first and last, in how many sessions, from how many sources", async () => {
  const { list } = await filled();
  assert.deepEqual(
    list().map(({ kind, value, sessions, sources }) => [kind, value, sessions, sources]),
    [
      ["address", "203.0.113.7", 2, 2],
      ["url", "http://203.0.113.7/a", 3, 3],
      ["cron", CRON.value, 1, 1],
    ],
  );
  const [, url, cron] = list();
  assert.equal(url?.firstSeen, parseMicros("2026-11-23T00:00:01.540000Z"));
  assert.equal(url.lastSeen, parseMicros("2026-11-24T02:00:01.540000Z"));
  // A later capture that tells it again is no second time.
  assert.equal(cron?.lastSeen, parseMicros("2026-11-23T11:00:00Z"));
});

test("by kind, time, value and number", async () => {
  const { list } = await filled();
  const kinds = (filter: Parameters<typeof list>[0]) => list(filter).map(({ kind }) => kind);
  assert.deepEqual(kinds({ kinds: ["url", "cron"] }), ["url", "cron"]);
  assert.deepEqual(kinds({ since: parseMicros("2026-11-24T00:00:00Z") }), ["address", "url"]);
  assert.deepEqual(kinds({ until: parseMicros("2026-11-23T10:00:00Z") }), ["address", "url"]);
  assert.deepEqual(kinds({ limit: 1 }), ["address"]);
  assert.deepEqual(kinds({ value: { kinds: INDICATOR_KINDS, how: "glob", value: "http*" } }), ["url"]);
  assert.deepEqual(kinds({ value: { kinds: INDICATOR_KINDS, how: "is", value: "203.0.113.7" } }), [
    "address",
  ]);
});

test("sessions are found by them, also those whose sandbox held them", async () => {
  const { reader } = await filled();
  const by = (value: string) =>
    reader.sessions({ texts: [{ kinds: INDICATOR_KINDS, how: "is", value }] }).map(({ id }) => id.at(-1));
  assert.deepEqual(by("http://203.0.113.7/a"), ["2", "1", "0"]);
  assert.deepEqual(by("203.0.113.7"), ["2", "0"]);
  assert.deepEqual(by("203.0.113.8"), []);
});

test("a session that is forgotten takes what only it told with it", async () => {
  const { index, list } = await filled();
  index.forget("000000000001" as never);
  assert.deepEqual(
    list().map(({ kind, sessions }) => [kind, sessions]),
    [
      ["address", 2],
      ["url", 2],
    ],
  );
});
