import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseSections } from "../../gateway/firewall/tc.ts";

const QDISCS =
  '[{"kind":"htb","handle":"1:","root":true,"refcnt":3,"options":{"r2q":10,"default":"0x20"}},{"kind":"ingress","handle":"ffff:","parent":"ffff:fff1","options":{}}]';
const INGRESS =
  '[{"protocol":"all","pref":1,"kind":"bpf","chain":0},{"protocol":"all","pref":1,"kind":"bpf","chain":0,"options":{"handle":"0x1","direct-action":true,"not_in_hw":true,"bytecode":{"length":1,"insns":[{"code":6,"jt":0,"jf":0,"k":4294967295}]}}}]';
const BARE = '[{"kind":"noqueue","handle":"0:","root":true,"refcnt":2,"options":{}}]';
const TEXT = `class htb 1:10 root prio 0 rate 1234Kbit ceil 1234Kbit burst 2000b cburst 2000b
class htb 1:20 root leaf 20: prio 0 rate 100Mbit ceil 100Mbit burst 125000b cburst 125000b
class tbf 20:1 parent 20: `;
const JSON_CLASSES =
  '[{"class":"htb","handle":"1:10","root":true,"prio":0,"rate":154250,"ceil":154250},{"class":"htb","handle":"1:20","root":true,"leaf":"20:","prio":0,"rate":12500000,"ceil":12500000}]';

describe("what tc shows", () => {
  for (const [version, classes] of [
    ["text, as iproute2 6.1 does", TEXT],
    ["JSON, as later ones do", JSON_CLASSES],
  ] as const) {
    it(`is read with classes in ${version}`, () => {
      const shown = parseSections([BARE, "[]", "[]", "[]", QDISCS, INGRESS, "[]", classes, ""].join("\n"), 2);
      assert.equal(shown?.length, 2);
      const [bare, shaped] = shown;
      assert.equal(bare?.classes.size, 0);
      assert.deepEqual(Object.fromEntries(shaped?.classes ?? []), {
        "1:10": { rate: 1_234_000, ceil: 1_234_000 },
        "1:20": { rate: 100_000_000, ceil: 100_000_000 },
      });
      assert.deepEqual(shaped?.ingress, [{ preference: 1, what: "bpf direct-action 1,6 0 0 4294967295" }]);
    });
  }

  it("is not read when a device was gone, rather than taken for another's", () => {
    assert.equal(parseSections([QDISCS, INGRESS, "[]", TEXT].join("\n"), 2), undefined);
    assert.equal(parseSections([BARE, QDISCS, INGRESS, "[]", TEXT].join("\n"), 2), undefined);
  });
});
