import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TextCondition } from "../../gateway/index/filter.ts";
import { addressKey, addressRange } from "../../gateway/index/address.ts";
import { matchesOf } from "../../gateway/index/matches.ts";
import { prepareSchema } from "../../gateway/index/schema.ts";
import { selectSessions } from "../../gateway/index/selection.ts";
import type { Ask } from "../../gateway/index/sql.ts";
import { IndexStore } from "../../gateway/index/store.ts";
import { LONGEST_TEXT, stored } from "../../gateway/index/texts.ts";
import { extractEvidence } from "../../gateway/evidence/extract.ts";
import { Conversation } from "../evidence/conversation.ts";

const SIZE = 150;

/** The same bytes for the same name. */
function bytes(name: string, length: number): Buffer {
  const parts: Buffer[] = [];
  for (let part = 0; part * 32 < length; part++)
    parts.push(createHash("sha256").update(`${name} ${part}`).digest());
  return Buffer.concat(parts).subarray(0, length);
}

/** Bytes of all values; of those that mean something to SQL, to FTS5 and to globs; and of few values, which are everywhere. */
function hostile(number: number): string {
  const random = bytes(`text ${number}`, 1 + ((number * 7) % 200));
  if (number % 3 === 0) return random.toString("latin1");
  const letters = number % 3 === 1 ? "\"'*^:(){}[]?%_\\-+ANDORNOT\0\x1b\xc3\xa9 " : "aAbB\0";
  return Array.from(random, (byte) => letters[byte % letters.length]).join("");
}

test("every part of what was said finds who said it, whatever its bytes", async () => {
  const database = new DatabaseSync(":memory:");
  prepareSchema(database);
  const index = new IndexStore(database);
  const ask: Ask = ({ text, values }) => database.prepare(text).all(...values);
  const texts = Array.from({ length: SIZE }, (_, number) => hostile(number));
  for (const [number, text] of texts.entries()) {
    const talk = new Conversation(number.toString(16).padStart(12, "0")).login("root", text);
    index.putFinished("x", "ended", await extractEvidence(talk.whole()));
  }
  const fold = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  let asked = 0;
  for (const [number, text] of texts.entries()) {
    const [start = 0, size = 0] = bytes(`part ${number}`, 2);
    const from = start % text.length;
    const part = text.slice(from, from + 2 + (size % 30));
    if (part.length < 2) continue;
    asked++;
    const condition: TextCondition = { kinds: ["password"], how: "part", value: stored(part) };
    const expected = texts.flatMap((other, place) => (fold(other).includes(fold(part)) ? [place] : []));
    const found = selectSessions(ask, { texts: [condition], limit: 1000 }).map((id) => parseInt(id, 16));
    assert.deepEqual(
      found.sort((a, b) => a - b),
      expected,
      JSON.stringify(part),
    );
    const [match] = matchesOf(ask, number.toString(16).padStart(12, "0"), [condition]);
    assert.equal(match?.text, text);
  }
  assert.ok(asked > SIZE / 2);
  database.close();
});

test("of a long text the beginning is found, to the bound", async () => {
  const database = new DatabaseSync(":memory:");
  prepareSchema(database);
  const index = new IndexStore(database);
  const ask: Ask = ({ text, values }) => database.prepare(text).all(...values);
  const text = `${"a".repeat(LONGEST_TEXT - 4)}last${"b".repeat(1_000_000)}`;
  const talk = new Conversation().login();
  talk.exec(talk.open(), text);
  index.putFinished("x", "ended", await extractEvidence(talk.whole()));
  const found = (part: string) =>
    selectSessions(ask, { texts: [{ kinds: ["command"], how: "part", value: stored(part) }] }).length;
  assert.deepEqual(["aaalast", "st", "stb", "bb"].map(found), [1, 1, 0, 0]);
  database.close();
});

test("addresses sort as bytes, and networks hold what they name", () => {
  const hex = (text: string) => addressKey(text)?.toString("hex");
  assert.equal(hex("203.0.113.7"), "00000000000000000000ffffcb007107");
  assert.equal(hex("::ffff:203.0.113.7"), hex("203.0.113.7"));
  assert.equal(hex("2001:db8::1"), "20010db8000000000000000000000001");
  assert.equal(hex("fe80::1%eth0"), "fe800000000000000000000000000001");
  assert.equal(hex("::"), "0".repeat(32));
  assert.equal(hex("1:2:3:4:5:6:7:8"), "00010002000300040005000600070008");
  assert.equal(hex("1:2:3:4:5:6:1.2.3.4"), "00010002000300040005000601020304");
  for (const none of ["", "203.0.113", "203.0.113.256", "1::2::3", "x", "203.0.113.7 "])
    assert.equal(hex(none), undefined);
  const range = (text: string) => {
    const { from, to } = addressRange(text) ?? {};
    return [from?.toString("hex").slice(-8), to?.toString("hex").slice(-8)];
  };
  assert.deepEqual(range("203.0.113.77/25"), ["cb007100", "cb00717f"]);
  assert.deepEqual(range("203.0.113.77"), ["cb00714d", "cb00714d"]);
  assert.deepEqual(range("0.0.0.0/0"), ["00000000", "ffffffff"]);
  assert.deepEqual(range("2001:db8::/127"), ["00000000", "00000001"]);
  for (const none of ["203.0.113.0/33", "::/129", "203.0.113.0/", "203.0.113.0/-1", "203.0.113.0/8/8"])
    assert.equal(addressRange(none), undefined, none);
});
