import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Client } from "../../gateway/evidence/client.ts";
import type { TypistRule } from "../../gateway/evidence/client-typist.ts";
import { extractEvidence } from "../../gateway/evidence/extract.ts";
import { readEvidence } from "../../gateway/evidence/read.ts";
import { buildWindowSize } from "../../gateway/ssh/messages/channel-request.ts";
import { string } from "../../gateway/ssh/messages/writer.ts";
import { Conversation, OFFER } from "./conversation.ts";

/** Real streams: `typists/type.py` made them through a real client, gateway and sandbox. */
const TYPISTS: Readonly<Record<string, TypistRule>> = {
  hand: "uneven-rhythm",
  "hand-with-slips": "uneven-rhythm",
  "quick-hand": "uneven-rhythm",
  metronome: "even-rhythm",
  "slow-metronome": "even-rhythm",
  "unsteady-metronome": "even-rhythm",
  pretender: "unclear-rhythm",
  rattle: "faster-than-fingers",
  expect: "answers-at-once",
  sleeper: "even-lines",
  paste: "whole-lines",
  piped: "whole-lines",
  "line-by-line": "whole-lines",
  "marked-paste": "marked-paste",
  "few-keys": "too-few-keys",
  exec: "nothing-typed",
};

test("where retention has dropped passwords, the order is not made up", async () => {
  const talk = new Conversation().hello();
  for (const password of ["1", "2", "3"]) talk.password("root", password, "refused");
  for (const [place, entry] of talk.entries.entries())
    if (entry.type === "fact" && entry.fact.kind === "credential" && entry.fact.attempt < 3)
      talk.entries[place] = { ...entry, fact: { kind: "credential-dropped", attempt: entry.fact.attempt } };
  const { count, users, passwords, dropped, order } = (await extractEvidence(talk.whole())).client.attempts;
  assert.deepEqual([count, users, passwords, dropped, order], [3, 1, 1, 2, "dropped"]);
});

describe("who typed, in real streams", () => {
  for (const [name, rule] of Object.entries(TYPISTS))
    test(`${name}: ${rule}`, async () => {
      const { evidence } = await readEvidence(join(import.meta.dirname, "typists", `${name}.mbr`));
      assert.equal(evidence.client.typistRule, rule, JSON.stringify(evidence.client.rhythm));
      assert.equal(evidence.client.terminals.length, name === "exec" ? 0 : 1);
    });
});

/** Keys at these times in milliseconds, each echoed, after an Enter. */
async function typedAt(intervals: readonly number[], keys = "abcdefgh"): Promise<Client> {
  const talk = new Conversation().login();
  const shell = talk.open();
  talk.shell(shell).gets(shell, "$ ").after(1500);
  for (const [place, interval] of intervals.entries())
    talk.sends(shell, keys[place % keys.length] ?? "").after(interval);
  return (await extractEvidence(talk.whole())).client;
}

test("a client that hides its rhythm in steps of 20 ms is judged by what is left of it", async () => {
  const steps = (interval: number) => Math.ceil(interval / 20) * 20;
  const hand = Array.from({ length: 60 }, (_, place) => steps(120 + ((place * 7919) % 260)));
  assert.equal((await typedAt(hand, "abc\x7fdefg")).typistRule, "uneven-rhythm");
  assert.equal((await typedAt(hand.map(() => steps(90)))).typistRule, "even-rhythm");
});

test("a key that is held is no even rhythm, and what a terminal says of itself is no key", async () => {
  const talk = new Conversation().login();
  const shell = talk.open();
  talk.shell(shell);
  for (let held = 0; held < 200; held++) talk.sends(shell, "\x1b[A").after(33);
  for (const report of ["\x1b[?62;c", "\x1b[24;80R", "\x1b[I", "\x1b[M !!", "\x1b]11;rgb:0000/0000/0000\x07"])
    talk.sends(shell, report).after(50);
  const { typistRule, rhythm } = (await extractEvidence(talk.whole())).client;
  assert.equal(typistRule, "too-few-keys");
  assert.deepEqual([rhythm.keys, rhythm.editingKeys, rhythm.wholeLines, rhythm.pastes], [200, 200, 0, 0]);
});

test("what is sent to a command, or to a shell without a terminal, is not typed", async () => {
  const talk = new Conversation().login();
  const command = talk.open();
  const size = buildWindowSize({ columns: 80, rows: 24, width: 0, height: 0 });
  talk.request(command, "pty-req", string("xterm"), size, string(Buffer.of(0))).exec(command, "top");
  const plain = talk.open();
  talk.request(plain, "shell");
  for (let key = 0; key < 60; key++)
    talk
      .sends(command, "q")
      .after(100 + ((key * 7919) % 300))
      .sends(plain, "x");
  assert.equal((await extractEvidence(talk.whole())).client.typistRule, "nothing-typed");
});

test("attempts: how a list was walked, and how long after each answer the next came", async () => {
  const of = async (pairs: readonly (readonly [string, string])[]) => {
    const talk = new Conversation().hello();
    for (const [user, password] of pairs) talk.password(user, password, "refused").after(30);
    return (await extractEvidence(talk.whole())).client.attempts;
  };
  assert.equal((await of([])).order, "none");
  assert.equal((await of([["root", "1"]])).order, "one");
  assert.equal((await of([["root", "1"], ["root", "2"]])).order, "one-user"); // prettier-ignore
  assert.equal((await of([["root", "1"], ["pi", "1"]])).order, "one-password"); // prettier-ignore
  assert.equal((await of([["pi", "pi"], ["git", "git"]])).order, "user-as-password"); // prettier-ignore
  assert.equal((await of([["pi", "1"], ["pi", "2"], ["git", "1"], ["git", "2"]])).order, "by-user"); // prettier-ignore
  const mixed = await of([["pi", "1"], ["git", "2"], ["pi", "3"], ["git", "1"]]); // prettier-ignore
  assert.equal(mixed.order, "mixed");
  assert.deepEqual(mixed.pauses, { shortest: 30, median: 30, longest: 30 });
  assert.deepEqual([mixed.count, mixed.users, mixed.passwords, mixed.methods], [4, 2, 3, ["password"]]);
});

test("the client: its version, algorithms, keys, terminal with its modes, environment", async () => {
  const talk = new Conversation().hello("SSH-2.0-Go").key("root", false, "key-acceptable");
  talk.key("root", true, "refused").password("root", "x", "accepted").leased();
  const shell = talk.open();
  const size = buildWindowSize({ columns: 132, rows: 43, width: 0, height: 0 });
  const modes = Buffer.of(53, 0, 0, 0, 1, 0);
  talk.request(shell, "env", string("LANG"), string("\xff\x1b[2J"));
  talk.request(shell, "pty-req", string("vt100\n"), size, string(modes)).request(shell, "shell");
  const { client } = await extractEvidence(talk.whole());
  assert.equal(client.version, "SSH-2.0-Go");
  assert.deepEqual(client.algorithms, OFFER);
  assert.deepEqual(
    client.keys.map((key) => [key.user, key.fingerprintSha256]),
    [["root", "SHA256:abcdef"]],
  );
  assert.equal(client.attempts.count, 2);
  assert.deepEqual(client.terminals, [
    { channel: 1, term: "vt100\n", columns: 132, rows: 43, modes: [{ opcode: 53, name: "ECHO", value: 1 }] },
  ]);
  assert.equal(client.environment[0]?.name, "LANG");
});

test("whatever bytes come, it ends, and keeps little", async () => {
  const talk = new Conversation().login();
  const shell = talk.open();
  talk.shell(shell);
  for (let packet = 0; packet < 3000; packet++) {
    const bytes = randomBytes(packet % 40);
    talk
      .sends(shell, packet % 7 === 0 ? Buffer.concat([Buffer.from("\x1b["), bytes]) : bytes)
      .after(packet % 90);
    if (packet % 50 === 0) talk.request(shell, "env", string("A"), string(bytes));
  }
  talk.sends(shell, Buffer.alloc(32_000, "\x1b[")).sends(shell, Buffer.alloc(32_000, ";"));
  for (let more = 0; more < 200; more++) talk.shell(talk.open());
  const { client } = await extractEvidence(talk.whole());
  assert.ok(client.terminals.length <= 64);
  assert.ok(JSON.stringify(client).length < 60_000);
});
