import assert from "node:assert/strict";
import { test } from "node:test";
import { TokenBucket } from "../../../gateway/ssh/relay/token-bucket.ts";

test("so many at once, then so many a second, and never more saved up than the most", () => {
  let now = 0;
  const bucket = new TokenBucket(10, 50, () => now);
  const taken = () => {
    let count = 0;
    while (bucket.take()) count++;
    return count;
  };
  assert.equal(taken(), 50);
  now += 99;
  assert.equal(taken(), 0);
  now += 1;
  assert.equal(taken(), 1);
  now += 1000;
  assert.equal(taken(), 10);
  now += 3_600_000;
  assert.equal(taken(), 50);
});
