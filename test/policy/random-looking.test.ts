import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toByteString } from "../../gateway/model/bytes.ts";
import { isRandomLooking } from "../../gateway/policy/random-looking.ts";
import { rarityRows } from "../../gateway/policy/write-pair-rarity.ts";
import { Random } from "./random.ts";

const looksRandom = (text: string) => isRandomLooking(toByteString(Buffer.from(text)));

/** What bots try, and what people set. */
const MEANT =
  `123456 123456789 1234567890 111111 password Password1 P@ssw0rd P@ssw0rd123 p@$$w0rd Passw0rd! Pa55w0rd admin123
  Admin@123 administrator 3245gs5662d34 345gs5662d34 xc3511 vizxv 7ujMko0admin 7ujMko0vizxv S2fGqNFs OxhlwSG8 tlJwpbo6 nE7jA%5m
  J5cmmu=Kyf0-br8CsW LSiuY7pOmZG2s h@32LuyD taZz@23495859 t0talc0ntr0l4! Zte521 hi3518 GM8182 zsun1188 e8ehome1 zlxx.com
  juantech zhongxing adslolitec hikvision Huawei@123 cisco123 h3c@123 wbox123 cat1029 1qaz2wsx !QAZ2wsx 1qazXSW@ 1qaz@WSX
  zaq12wsx qazwsxedc 3edc4rfv q1w2e3r4 1q2w3e4r5t6y 1a2b3c4d a1b2c3d4 qwertyuiop asdfghjkl zxcvbnm1 qwe123!@# QWEasd123 123qweASD
  1234qwerASDF !@#$%^&* qweasdzxc zxcASDqwe123 abcd1234 Abcd1234! aaaaaaaa root1234 toor1234 r00t1234 ubuntu123 debian12 oracle123
  postgres minecraft123 hadoop123 elastic123 jenkins1 raspberryraspberry993311 letmein1 changeme iloveyou sunshine football
  supervisor telecomadmin ftpuser123 test1234 linux123 welcome2024 Summer2023! hunter22 mother.fucker correct-horse-battery-staple
  0123456789012345 20230101 00000000000000000000000000000000 deadbeefdeadbeef`.split(/\s+/);

const SMALL = "abcdefghijklmnopqrstuvwxyz";
const DIGITS = "0123456789";

function tries(alphabet: string, length: number): string[] {
  const random = new Random(length);
  return Array.from({ length: 2000 }, () =>
    Array.from({ length }, () => alphabet.charAt(random.below(alphabet.length))).join(""),
  );
}

describe("a password that looks random", () => {
  test("is none that bots are known to try, or that people set", () => {
    assert.deepEqual(MEANT.filter(looksRandom), []);
  });

  test("is what chance makes, in so many of a hundred", () => {
    // As the page says of each; the seeds are the same each time.
    const least: readonly (readonly [string, number, number])[] = [
      [SMALL + SMALL.toUpperCase() + DIGITS, 8, 93],
      [SMALL + SMALL.toUpperCase() + DIGITS, 12, 95],
      [SMALL + SMALL.toUpperCase() + DIGITS, 16, 96],
      [SMALL + SMALL.toUpperCase() + DIGITS, 32, 99],
      [SMALL + DIGITS, 16, 93],
      [SMALL, 16, 89],
      ["0123456789abcdef", 16, 96],
      ["0123456789abcdef", 32, 99],
    ];
    for (const [alphabet, length, percent] of least) {
      const all = tries(alphabet, length);
      const found = (all.filter(looksRandom).length * 100) / all.length;
      assert.ok(found >= percent, `${length} of ${alphabet}: ${found}`);
    }
  });

  test("has eight characters of ASCII at least, and a letter", () => {
    for (const text of ["", "x", "vK7qTz2", "83920174", "8392017465", "\xffvK7qTz2RwPx9", "v\tK7qTz2RwPx9"])
      assert.equal(looksRandom(text), false, text);
    assert.equal(looksRandom("vK7qTz2R"), true);
    assert.equal(looksRandom(`vK7qTz2R${"wP9x".repeat(125)}`), true);
  });

  test("whatever the bytes are, it has an answer", () => {
    const random = new Random(1);
    for (let round = 0; round < 2000; round++)
      assert.equal(typeof isRandomLooking(toByteString(random.bytes(random.below(512)))), "boolean");
  });

  test("the table has as many bits as a pair was seen seldom", () => {
    const rows = rarityRows(["ab", "ab", "ab", "a1"], []);
    assert.equal(rows.length, 37);
    assert.ok(rows.every((row) => /^[1-9]{37}$/.test(row)));
    assert.ok(Number(rows[0]?.charAt(1)) < Number(rows[0]?.charAt(2)), "ab is less rare than ac");
  });
});
