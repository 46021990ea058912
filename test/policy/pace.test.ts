import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toByteString } from "../../gateway/model/bytes.ts";
import { pamFailDelay, refusalDelay, timingSecret } from "../../gateway/policy/delay.ts";
import { dropsStart } from "../../gateway/policy/starts.ts";

const user = (name: string) => toByteString(Buffer.from(name));

describe("the pace of refusals", () => {
  test("libpam's delay is the one that Debian 12's sshd showed", () => {
    // Second in which a wrong password was sent to sshd 9.2p1-2+deb12u10, and what its log (DEBUG3) said had elapsed after PAM, in ms.
    const measured: readonly [number, number][] = [
      [1795419349, 1727.932],
      [1795419352, 1470.907],
      [1795419354, 2072.622],
      [1795419357, 1485.733],
      [1795419358, 1957.947],
      [1795419362, 2173.461],
    ];
    for (const [second, elapsed] of measured) {
      const off = elapsed - pamFailDelay(second);
      assert.ok(off > 0 && off < 10, `${second}: ${off}`);
    }
  });

  test("a refused password comes after 1 to 6 seconds, at the user's own recurring times", () => {
    const secret = timingSecret(["a host key"]);
    const times = new Set<number>();
    for (let second = 0; second < 2000; second++) {
      const delay = refusalDelay({ method: "password", user: user("root"), at: second * 1000, secret });
      assert.ok(delay >= 1000 && delay < 6000, String(delay));
      times.add(delay);
    }
    const [first = 0, second = 0, ...more] = [...times].sort((a, b) => a - b);
    assert.ok(more.length <= 1 && Math.abs(second / first - 2) < 1e-9);
  });

  test("what does not go through PAM takes 5 to 9.3 ms, the same each time for a name and a host", () => {
    const of = (name: string, key: string) =>
      refusalDelay({ method: "none", user: user(name), at: 1e12, secret: timingSecret([key]) });
    assert.ok(of("root", "a") >= 5 && of("root", "a") < 9.3);
    assert.equal(of("root", "a"), of("root", "a"));
    assert.notEqual(of("root", "a"), of("admin", "a"));
    assert.notEqual(of("root", "a"), of("root", "b"));
    assert.ok(of("x".repeat(70_000), "a") < 9.3);
  });

  test("keyboard-interactive takes libpam's delay alone", () => {
    const at = 1795419408_804;
    const delay = refusalDelay({ method: "keyboard-interactive", user: user("a"), at, secret: 1n });
    assert.ok(Math.abs(delay - pamFailDelay(1795419408)) < 10);
  });
});

describe("MaxStartups", () => {
  const starts = { begin: 10, percent: 30, full: 100 };
  const drops = (pending: number, random: number) => dropsStart(starts, pending, () => random);

  test("none below the start, all from full on", () => {
    assert.ok(!drops(9, 0) && drops(100, 0.999) && drops(1000, 0.999));
  });

  test("in between the chance rises from the rate to 100 %, in sshd's whole percents", () => {
    assert.ok(drops(10, 0.2999) && !drops(10, 0.3));
    // sshd: p = (100 - 30) * (55 - 10) / (100 - 10) + 30 = 65
    assert.ok(drops(55, 0.6499) && !drops(55, 0.65));
    assert.ok(drops(99, 0.98) && !drops(99, 0.995));
  });

  test("a rate of 100 drops all from the start on, equal bounds too", () => {
    assert.ok(dropsStart({ begin: 5, percent: 100, full: 10 }, 5, () => 0.999));
    assert.ok(
      !dropsStart({ begin: 5, percent: 50, full: 5 }, 4) && dropsStart({ begin: 5, percent: 50, full: 5 }, 5),
    );
  });
});
