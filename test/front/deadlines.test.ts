import assert from "node:assert/strict";
import { test } from "node:test";
import { Deadlines } from "../../gateway/front/deadlines.ts";
import { Ending } from "../../gateway/front/ending.ts";

const HOUR = 3_600_000;
const LONG = { login: HOUR, session: 2 * HOUR, idle: HOUR };

test("deadlines that change count from the session's beginning, and a login stays one", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const begun = () => {
    const ending = new Ending();
    return { ending, deadlines: new Deadlines(LONG, ending) };
  };
  const [patient, late, inside, idle] = [begun(), begun(), begun(), begun()];
  inside.deadlines.loggedIn();
  idle.deadlines.loggedIn();
  idle.deadlines.watchIdle(() => performance.now() - HOUR / 2);

  late.deadlines.change({ ...LONG, login: 1000 });
  inside.deadlines.change({ ...LONG, login: 1000 });
  patient.deadlines.change({ login: 3 * HOUR, session: 4 * HOUR, idle: HOUR });
  idle.deadlines.change({ ...LONG, idle: HOUR / 4 });
  t.mock.timers.tick(20_000);
  assert.equal(late.ending.fact.reason, "login-grace");
  assert.equal(idle.ending.fact.reason, "idle-deadline");
  assert.deepEqual([inside.ending.over, patient.ending.over], [false, false]);
  t.mock.timers.tick(2 * HOUR);
  assert.equal(inside.ending.fact.reason, "session-deadline");
  assert.equal(patient.ending.over, false);

  patient.deadlines[Symbol.dispose]();
  // What is told of a session late winds no clock again.
  patient.deadlines.change({ login: 1, session: 1, idle: 1 });
  t.mock.timers.tick(10 * HOUR);
  assert.equal(patient.ending.over, false);
});
