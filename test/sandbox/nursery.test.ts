/** Who waits for a sandbox, and what is made for whom. The sandboxes are stand-ins: only their number and order count here. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pino } from "pino";
import type { ReadySandbox } from "../../gateway/sandbox/lifecycle.ts";
import { Nursery, type Make, type NurseryOptions } from "../../gateway/sandbox/nursery.ts";

interface Making {
  /** It is ready now. */
  readonly done: (name: string) => void;
  readonly failed: () => void;
}

class Ward {
  readonly removed: string[] = [];
  readonly making: Making[] = [];
  readonly alone: Making[] = [];
  readonly nursery: Nursery;
  readonly plain: Make;
  readonly never = new AbortController().signal;

  constructor(options: Partial<NurseryOptions> = {}) {
    const plain = (this.plain = () => this.make(this.making));
    this.nursery = new Nursery({
      kinds: () => new Map([["plain", plain]]),
      most: () => 3,
      spares: () => 0,
      isCurrent: () => true,
      makeRoom: () => false,
      log: pino({ level: "silent" }),
      ...options,
    });
  }

  special(signal = this.never): Promise<ReadySandbox> {
    return this.nursery.take(signal, { make: () => this.make(this.alone) });
  }

  any(): Promise<ReadySandbox> {
    return this.nursery.take(this.never, { kind: "plain", make: this.plain });
  }

  make(list: Making[]): Promise<ReadySandbox> {
    const { promise, resolve, reject } = Promise.withResolvers<ReadySandbox>();
    list.push({
      done: (container) => {
        const remove = () => {
          this.removed.push(container);
          return Promise.resolve();
        };
        resolve({ container, remove } as unknown as ReadySandbox);
      },
      failed: () => {
        reject(new Error("it could not be made"));
      },
    });
    return promise;
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("a sandbox that no spare can stand for", () => {
  test("is made beside the spares, and goes to who asked for it", async () => {
    const ward = new Ward({ spares: () => 1 });
    ward.nursery.pump();
    ward.making[0]?.done("spare");
    await settled();
    const special = ward.special();
    assert.equal(ward.alone.length, 1);
    const plain = ward.any();
    assert.equal((await plain).container, "spare", "who takes any does not wait for it");
    ward.alone[0]?.done("special");
    assert.equal((await special).container, "special");
    assert.equal(ward.nursery.count, 2 + ward.making.length - 1);
  });

  test("makes a spare go where there are as many as may be", async () => {
    const ward = new Ward({ most: () => 1, spares: () => 1 });
    ward.nursery.pump();
    ward.making[0]?.done("spare");
    await settled();
    const special = ward.special();
    await settled();
    assert.deepEqual(ward.removed, ["spare"]);
    assert.deepEqual([ward.alone.length, ward.making.length], [1, 1], "and no other spare takes its place");
    ward.alone[0]?.done("special");
    assert.equal((await special).container, "special");
    assert.equal(ward.nursery.count, 1);
  });

  test("waits for a spare that is only now being made, to take its place", async () => {
    const ward = new Ward({ most: () => 1, spares: () => 1 });
    ward.nursery.pump();
    const special = ward.special();
    assert.equal(ward.alone.length, 0);
    ward.making[0]?.done("spare");
    await settled();
    await settled();
    assert.deepEqual(ward.removed, ["spare"]);
    ward.alone[0]?.done("special");
    assert.equal((await special).container, "special");
  });

  test("is refused where all are in use, and what is made for others is not touched", async () => {
    const ward = new Ward({ most: () => 2 });
    const [first, second] = [ward.special(), ward.any()];
    await assert.rejects(ward.special(), /all are in use/);
    ward.alone[0]?.done("special");
    ward.making[0]?.done("plain");
    assert.deepEqual([(await first).container, (await second).container], ["special", "plain"]);
  });

  test("is removed when who asked has given up, and its failure is theirs alone", async () => {
    const ward = new Ward();
    const gone = new AbortController();
    const abandoned = ward.special(gone.signal);
    gone.abort(new Error("gone"));
    await assert.rejects(abandoned, /gone/);
    ward.alone[0]?.done("late");
    await settled();
    await settled();
    assert.deepEqual(ward.removed, ["late"]);
    assert.equal(ward.nursery.count, 0);

    const [plain, special] = [ward.any(), ward.special()];
    ward.alone[1]?.failed();
    await assert.rejects(special, /could not be made/);
    ward.making[0]?.done("plain");
    assert.equal((await plain).container, "plain");
    await ward.nursery.close();
  });
});

describe("spares of several kinds", () => {
  /** A ward that has to keep one spare of each kind. */
  function wardOf(most: number, ...kinds: string[]) {
    const making = new Map(kinds.map((kind) => [kind, [] as Making[]]));
    const ward: Ward = new Ward({
      kinds: () => new Map(kinds.map((kind) => [kind, () => ward.make(making.get(kind) ?? [])])),
      most: () => most,
      spares: () => 1,
    });
    const of = (kind: string) => making.get(kind) ?? [];
    const take = (kind: string) => ward.nursery.take(ward.never, { kind, make: () => ward.make(of(kind)) });
    ward.nursery.pump();
    return { ward, of, take };
  }

  test("are kept of each, and each goes to who asks for its kind", async () => {
    const { ward, of, take } = wardOf(4, "web", "mail");
    of("web")[0]?.done("web 1");
    await settled();
    of("mail")[0]?.done("mail 1");
    await settled();
    assert.equal(ward.nursery.spares, 2);
    assert.equal((await take("mail")).container, "mail 1");
    await settled();
    assert.deepEqual([of("web").length, of("mail").length], [1, 2], "another is made in its place");
  });

  test("of one that cannot be made do not keep the others from being made", async () => {
    const { ward, of } = wardOf(4, "broken", "web");
    of("broken")[0]?.failed();
    await settled();
    assert.equal(of("web").length, 1);
    of("web")[0]?.done("web 1");
    await settled();
    assert.equal(ward.nursery.spares, 1);
    await ward.nursery.close();
    assert.deepEqual(ward.removed, ["web 1"]);
  });

  test("make way for each other where there are as many as may be, for as many as wait", async () => {
    const { ward, of, take } = wardOf(2, "web", "mail");
    of("web")[0]?.done("web 1");
    await settled();
    of("mail")[0]?.done("mail 1");
    await settled();
    const [first, second] = [take("web"), take("web")];
    assert.equal((await first).container, "web 1");
    await settled();
    await settled();
    assert.deepEqual(ward.removed, ["mail 1"]);
    of("web")[1]?.done("web 2");
    assert.equal((await second).container, "web 2");
    await assert.rejects(take("mail"), /all are in use/);
    assert.equal(ward.nursery.count, 2);
  });
});
