import assert from "node:assert/strict";
import { test } from "node:test";
import { told } from "../../gateway/commands/persona-learn.ts";
import { DEBIAN_12 } from "../image/learned.ts";

test("what a server said reaches no terminal as it is, as text and as JSON", () => {
  const learned = { ...DEBIAN_12, banner: "\u009b31m\u202emoc.elpmaxe" };
  const made = { persona: "shop", path: "/data/personas/shop.json", learned, lacks: ["It says \u009b."] };
  for (const json of [true, false]) assert.doesNotMatch(told(made, json), /[\u007f-\u009f\u202e]/);
  assert.deepEqual(JSON.parse(told(made, true)), made);
  assert.match(told(made, false), /^SSH-2\.0-OpenSSH_9\.2p1 Debian-2\+deb12u10 is learned, .*shop\.json/);
});
