import assert from "node:assert/strict";
import { test } from "node:test";
import { extractEvidence } from "../../gateway/evidence/extract.ts";
import type { Pace } from "../../gateway/evidence/pace.ts";
import { Conversation } from "./conversation.ts";

async function paceOf(build: (talk: Conversation) => void): Promise<Pace> {
  const talk = new Conversation();
  build(talk);
  return (await extractEvidence(talk.whole())).pace;
}

const SECOND = 1_000_000;

test("pauses are those after the login, each longer than all before it, the last one to the session's end", async () => {
  const { loggedIn, pauses } = await paceOf((talk) => {
    talk.after(90_000).login();
    const channel = talk.open();
    for (const seconds of [3, 0, 2, 5, 4]) talk.after(seconds * 1000).sends(channel, "x");
    talk.after(60_000);
  });
  assert.equal(loggedIn, 90_040_000);
  assert.deepEqual(
    pauses.map(([at, length]) =>
      [at / SECOND - 90.04, length / SECOND].map((one) => Math.round(one * 1000) / 1000),
    ),
    [
      [0, 3],
      [5, 5],
      [14, 60],
    ],
  );
});

test("who was not let in has none", async () => {
  const pace = await paceOf((talk) =>
    talk.hello().after(5000).password("root", "x", "refused").after(60_000),
  );
  assert.deepEqual(pace, { loggedIn: undefined, pauses: [], growth: [] });
});

test("ever longer pauses are bounded; the longest stays, and so does when a deadline is met, nearly", async () => {
  const seconds = Array.from({ length: 300 }, (_, index) => 1 + index * 0.5);
  const { pauses } = await paceOf((talk) => {
    talk.login();
    const channel = talk.open();
    for (const length of seconds) talk.after(length * 1000).sends(channel, "x");
  });
  assert.ok(pauses.length <= 48);
  assert.equal(pauses.at(-1)?.[1], Math.max(...seconds) * SECOND);
  for (const deadline of [1.2, 10, 77, 149]) {
    const exact = seconds.find((length) => length >= deadline) ?? NaN;
    const told = (pauses.find(([, length]) => length >= deadline * SECOND)?.[1] ?? NaN) / SECOND;
    assert.ok(told >= exact && told <= exact * 1.3 + 1, `${deadline}: ${exact}, told ${told}`);
  }
});

test("growth tells when a size was passed, in steps", async () => {
  const { growth } = await paceOf((talk) => {
    talk.login();
    const channel = talk.open();
    for (let block = 0; block < 400; block++) talk.after(1000).sends(channel, Buffer.alloc(30_000));
  });
  assert.ok(growth.length > 10 && growth.length < 30);
  for (const size of [2 ** 20, 3e6, 9e6]) {
    const told = growth.find(([, bytes]) => bytes > size);
    const exact = Math.ceil(size / 30_000);
    const at = (told?.[0] ?? NaN) / SECOND;
    assert.ok(at >= exact - 1 && at <= exact * 1.25 + 2, `${size}: ${exact} s, told ${at}`);
  }
});
