import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { extractEvidence } from "../../gateway/evidence/extract.ts";
import { prepareSchema } from "../../gateway/index/schema.ts";
import { IndexReader } from "../../gateway/index/query.ts";
import { IndexStore } from "../../gateway/index/store.ts";
import { triedSessions } from "../../gateway/index/tried.ts";
import type { SandboxId } from "../../gateway/model/ids.ts";
import type { NetworkFact } from "../../gateway/model/network-facts.ts";
import { Conversation } from "../evidence/conversation.ts";

const START = Date.parse("2026-11-23T00:00:00Z") * 1000;

function fact(from: number, port: number, more: Partial<NetworkFact> = {}): NetworkFact {
  const to = { address: "198.51.100.9", port };
  return { kind: "network", rule: "egress", protocol: "tcp", from, to, count: 1, ...more };
}

async function known(build: (talk: Conversation) => void, late: readonly [number, NetworkFact][] = []) {
  const database = new DatabaseSync(":memory:");
  prepareSchema(database);
  const index = new IndexStore(database);
  const talk = new Conversation("0a1b2c3d4e5f", "2026-11-23T00:00:00.000000Z");
  build(talk);
  const put = async () => {
    index.putFinished("recordings/x.mbr", "ended", await extractEvidence(talk.whole()));
    index.putLateNetwork(talk.session, {
      facts: late.map(([after, one]) => ({
        at: START + after,
        sandbox: "5a5a5a5a5a5a" as SandboxId,
        fact: one,
      })),
      unreadable: 0,
    });
  };
  await put();
  await put();
  const [session] = triedSessions(new IndexReader(database).askEach, 0);
  index.forget(talk.session);
  const left = ["paces", "connects"].map((table) => database.prepare(`SELECT * FROM ${table}`).all().length);
  assert.deepEqual(left, [0, 0], "what is forgotten is gone");
  return session;
}

test("connections come out in their order, those after the session too; asking again is none", async () => {
  const session = await known(
    (talk) => {
      talk.login();
      talk.after(1000).fact(fact(40_000, 80));
      talk.after(1000).fact(fact(40_000, 80));
      talk.after(1000).fact(fact(40_001, 80, { count: 3 }));
      talk.after(200_000).fact(fact(40_000, 80, { rule: "sinkhole", size: 77 }));
      talk
        .after(10)
        .fact(fact(0, 0, { protocol: "icmp" }))
        .fact(fact(0, 0, { protocol: "icmp" }));
    },
    [[900_000_000, fact(40_005, 443)]],
  );
  assert.deepEqual(
    session?.connects.map(({ at, port, tries, sent, rule }) => [
      ...[Math.round((at - START) / 1e6), port, tries, sent, rule],
    ]),
    [
      [1, 80, 1, 0, "egress"],
      [3, 80, 3, 0, "egress"],
      [203, 80, 1, 77, "sinkhole"],
      [203, 0, 1, 0, "egress"],
      [203, 0, 1, 0, "egress"],
      [900, 443, 1, 0, "egress"],
    ],
  );
  assert.equal(session.pauses.at(-1)?.[1], 203_050_000 - 40_000);
});

test("a flood is told by how it began", async () => {
  const session = await known((talk) => {
    talk.login();
    for (let port = 1; port <= 2000; port++) talk.after(1).fact(fact(port, 80));
  });
  assert.equal(session?.connects.length, 256);
});
