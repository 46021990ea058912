import assert from "node:assert/strict";
import { test } from "node:test";
import { explain } from "../../gateway/policy/explain.ts";
import { parsePolicy } from "../../gateway/policy/load.ts";
import { toByteString } from "../../gateway/model/bytes.ts";
import { whenApplied } from "../../gateway/policy/when-applied.ts";

test("of every key it is said when a change of it applies", () => {
  const placed = parsePolicy(Buffer.from(""), "x.yaml");
  assert.ok("document" in placed);
  const user = toByteString(Buffer.from("a"));
  const { values } = explain(placed, { address: "192.0.2.1", user, method: "password", earlier: 0 });
  for (const { path } of values) assert.ok(whenApplied(path), path);
  assert.equal(whenApplied("auth.rules[0].user"), "at once");
  assert.equal(whenApplied("network.caps.up"), "at once");
  assert.equal(whenApplied("persona.banner"), "new connections");
  assert.equal(whenApplied("persona.name"), "new connections");
  assert.equal(whenApplied("listen[0]"), "next start");
  assert.equal(whenApplied("evidence.watchFiles"), "next start");
  assert.equal(whenApplied("evidence.mostBytes"), "at once");
  assert.throws(() => whenApplied("sandboxes"), /nobody has said/);
});
