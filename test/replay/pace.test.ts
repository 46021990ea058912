import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "../../gateway/replay/pace.ts";

const SECOND = 1_000_000_000n;
const seconds = (number: number) => BigInt(Math.round(number * 1e9));

/** Milliseconds that it takes. */
async function taken(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

test("speed divides the time, and no pause is longer than the limit, whose rest is passed over", async () => {
  const through = (pace: Pace, times: readonly number[]) =>
    taken(async () => {
      pace.jump(seconds(times[0] ?? 0));
      for (const time of times) assert.equal(await pace.until(seconds(time)), true);
      assert.ok(pace.now >= seconds(times.at(-1) ?? 0), "the clock tells the recording's time");
    });
  const times = [500, 500.1, 510.6, 510.7, 5000];
  // 0.1, 2, 0.1 and 2 seconds, ten times as fast.
  const limited = await through(new Pace({ speed: 10, idleLimit: 2 }), times);
  assert.ok(limited >= 415 && limited < 20_000, `${limited} ms`);
  const fast = await through(new Pace({ speed: 100_000 }), times);
  assert.ok(fast >= 40 && fast < 20_000, `${fast} ms`);
  const none = await through(new Pace({ idleLimit: 0 }), times);
  assert.ok(none < 20_000, `${none} ms`);
});

test("while it stands the clock stands, a step goes to what counts, and a jump to where it is sent", async () => {
  const pace = new Pace();
  pace.pause(true);
  pace.jump(5n * SECOND);
  const waiting = pace.until(6n * SECOND, false);
  let isOver = false;
  void waiting.then(() => (isOver = true));
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual([isOver, pace.now], [false, 5n * SECOND]);
  pace.step();
  assert.equal(await waiting, true);
  // The step was not for that one: it goes on.
  assert.equal(await pace.until(7n * SECOND), true);
  assert.equal(pace.now, 7n * SECOND);
  const next = pace.until(8n * SECOND);
  pace.interrupt();
  assert.equal(await next, false);
  assert.equal(await pace.until(8n * SECOND), false, "until it jumps");
  pace.jump(9n * SECOND);
  assert.deepEqual([pace.now, pace.paused], [9n * SECOND, true]);
  pace.pause(false);
  assert.equal(await pace.until(9n * SECOND), true);
  pace.stop();
  assert.equal(await pace.until(9n * SECOND), false);
});

test("speeds have bounds, but one that was asked for stands", () => {
  const pace = new Pace({ speed: 1000 });
  pace.changeSpeed(2);
  assert.equal(pace.speed, 1000);
  pace.changeSpeed(0.5);
  assert.equal(pace.speed, 500);
  pace.setSpeed(1);
  for (let n = 0; n < 20; n += 1) pace.changeSpeed(2);
  assert.equal(pace.speed, 64);
  for (let n = 0; n < 20; n += 1) pace.changeSpeed(0.5);
  assert.equal(pace.speed, 1 / 16);
});
