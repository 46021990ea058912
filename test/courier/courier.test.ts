import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { CowrieEvent } from "../../gateway/events/cowrie-event.ts";
import { faults } from "../events/field-table.ts";
import { Receiver, says } from "./receiver.ts";
import { eventually, events, sequences, Spool, webhook } from "./spool.ts";

const ALL = (count: number) => Array.from({ length: count }, (_, index) => index);

for (const format of ["json-lines", "json-array"] as const)
  test(`events arrive in their order, as ${format}`, async (t) => {
    const receiver = await Receiver.start(t);
    const spool = new Spool(t);
    const policy = webhook(receiver.url, { format, batch: { events: 7, wait: "0s" } });
    const sink = spool.sink(policy);
    sink.write(events(0, 40));
    await spool.send(policy);
    await receiver.until("the first", ({ events }) => events.length >= 40);
    sink.write(events(40, 60));
    await receiver.until("all", ({ events }) => events.length >= 100);
    assert.deepEqual(sequences(receiver.events), ALL(100));
    assert.equal(receiver.events[3]?.["input"], events(3, 1)[0]?.["input"]);
    const [first] = receiver.taken;
    assert.equal(first?.path, "/events?from=lab");
    assert.equal(
      first.headers["content-type"],
      format === "json-lines" ? "application/x-ndjson" : "application/json",
    );
    assert.equal(first.events.length, 7);
    if (format === "json-array") assert.ok(Array.isArray(JSON.parse(first.body)));
    assert.equal(spool.courier.tally?.failed, 0);
  });

test("a receiver that says no gets the same events again, and nothing is lost or out of order", async (t) => {
  const receiver = await Receiver.start(t);
  const elsewhere = await Receiver.start(t);
  receiver.next.push(
    says(500),
    says(503),
    says(302, { location: elsewhere.url }),
    (response) => response.destroy(),
    (response) =>
      response.writeHead(200, { "content-length": "100" }).write("half", () => response.destroy()),
    says(401),
  );
  const spool = new Spool(t);
  const policy = webhook(receiver.url);
  spool.sink(policy).write(events(0, 20));
  await spool.send(policy);
  // The one that says 200 and then breaks off has taken the events.
  await receiver.until("all requests", ({ asked }) => asked.length >= 5);
  spool.sink(policy).write(events(20, 20));
  await receiver.until("the rest", ({ taken }) => taken.length >= 1);
  for (const asked of receiver.asked.slice(0, 5)) assert.deepEqual(sequences(asked.events), ALL(20));
  assert.deepEqual(
    sequences(receiver.events),
    ALL(20).map((one) => one + 20),
  );
  assert.equal(elsewhere.asked.length, 0, "a redirect is not followed");
  assert.match(spool.log, /it took no events: it answered 500/);
});

test("nobody there: all waits on the disk, in its order, until somebody is", async (t) => {
  const gone = await Receiver.start(t);
  const { port, url } = gone;
  await gone.stop();
  const spool = new Spool(t);
  const policy = webhook(url);
  const sink = spool.sink(policy);
  await spool.send(policy);
  for (let batch = 0; batch < 20; batch++) sink.write(events(batch * 50, 50));
  await eventually("failures", () => (spool.courier.tally?.failed ?? 0) >= 3);
  assert.ok(sink.tidy().bytes > 100_000);
  const back = await Receiver.start(t, undefined, port);
  await back.until("all", ({ events }) => events.length >= 1000);
  assert.deepEqual(sequences(back.events), ALL(1000));
  await eventually("the word of it", () => spool.log.includes("it takes events again"));
  assert.equal(spool.log.match(/it took no events/g)?.length, 1, "said once, not at each try");
  await eventually("the cursor", () => sink.tidy().bytes === 0);
});

test("one that never answers is left after the timeout, and asked again", async (t) => {
  const receiver = await Receiver.start(t);
  receiver.next.push(
    () => undefined,
    (response) => response.writeHead(200).write("and then nothing"),
  );
  const spool = new Spool(t);
  const policy = webhook(receiver.url, { timeout: "300ms" });
  spool.sink(policy).write(events(0, 5));
  await spool.send(policy);
  await receiver.until("a second request", ({ asked }) => asked.length >= 2);
  await eventually("the answer's status, without its end", () => spool.courier.tally?.sent === 5);
  assert.match(spool.log, /it took no events: no answer within 300 ms/);
});

test("Retry-After is waited for", async (t) => {
  const receiver = await Receiver.start(t);
  receiver.next.push(says(429, { "retry-after": "2" }));
  const spool = new Spool(t);
  const policy = webhook(receiver.url);
  spool.sink(policy).write(events(0, 1));
  await spool.send(policy);
  await receiver.until("both", ({ asked }) => asked.length >= 2);
  const [first, second] = receiver.asked;
  assert.ok((second?.at ?? 0) - (first?.at ?? 0) >= 1990);
});

test("what it finds too large comes in smaller pieces; one event that is too large is left out, and told of", async (t) => {
  const receiver = await Receiver.start(t);
  receiver.otherwise = (response, request) => {
    const isTooLarge = request.events.length > 3 || sequences(request.events).includes(5);
    (isTooLarge ? says(413) : receiver.takes)(response, request);
  };
  const spool = new Spool(t);
  const policy = webhook(receiver.url);
  spool.sink(policy).write(events(0, 30));
  await spool.send(policy);
  await receiver.until("all but one", ({ events }) => events.length >= 29);
  assert.deepEqual(
    sequences(receiver.events),
    ALL(30).filter((one) => one !== 5),
  );
  await eventually("the word of it", () => spool.courier.tally?.refused === 1);
});

test("an answer without end costs nothing", async (t) => {
  const receiver = await Receiver.start(t);
  receiver.next.push((response) => {
    response.writeHead(200);
    const flood = Buffer.alloc(65_536);
    const more = () => {
      while (!response.destroyed && response.write(flood));
    };
    response.on("drain", more).on("error", () => undefined);
    more();
  });
  const spool = new Spool(t);
  const policy = webhook(receiver.url);
  const sink = spool.sink(policy);
  sink.write(events(0, 1));
  await spool.send(policy);
  await receiver.until("the flood", ({ asked }) => asked.length >= 1);
  sink.write(events(1, 1));
  await receiver.until("the next", ({ taken }) => taken.length >= 1);
  assert.deepEqual(sequences(receiver.events), [1]);
});

test("a full spool drops the oldest, and tells the receiver how many when it is back", async (t) => {
  const receiver = await Receiver.start(t);
  receiver.otherwise = says(500);
  const spool = new Spool(t);
  const policy = webhook(receiver.url, { spool: "1m" });
  const sink = spool.sink(policy);
  sink.write(events(0, 10));
  await spool.send(policy);
  await receiver.until("a refusal", ({ asked }) => asked.length >= 1);
  for (let batch = 1; batch < 100; batch++) sink.write(events(batch * 100, 100));
  const { bytes, dropped } = sink.tidy();
  assert.ok(bytes <= 2 ** 20 && bytes > 2 ** 19, `${bytes} bytes`);
  assert.ok(dropped > 1000);
  assert.equal(spool.problems.length, 1);
  // What was on its way before is refused, too.
  const before = receiver.asked.length;
  await receiver.until("two more", ({ asked }) => asked.length >= before + 2);
  receiver.otherwise = receiver.takes;
  const isGap = ({ eventid }: Readonly<Record<string, unknown>>) => eventid === "cowrie.webhook.dropped";
  await receiver.until("the last", ({ events }) => sequences(events).includes(9999));
  const gaps = receiver.events.filter(isGap);
  assert.deepEqual(gaps.flatMap(faults), []);
  assert.deepEqual(
    gaps.map((gap) => gap["mitsubako_lost"]),
    [dropped],
  );
  assert.ok(isGap(receiver.events[0] ?? {}));
  const kept = [...ALL(10), ...ALL(9900).map((one) => one + 100)].slice(dropped);
  assert.deepEqual(sequences(receiver.events.filter((event) => !isGap(event))), kept);
  sink.write(events(20_000, 1));
  await receiver.until("one more", ({ events }) => sequences(events).includes(20_000));
  assert.equal(receiver.events.filter(isGap).length, 1, "it is told once");
});

test("a disk that is full drops what does not fit, and the rest goes on", async (t) => {
  assert.equal(process.getuid?.(), 0, "this test mounts a small file system, which needs root");
  const receiver = await Receiver.start(t);
  const spool = new Spool(t);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "mitsubako-test", spool.spool]);
  using stack = new DisposableStack();
  stack.defer(() => execFileSync("umount", ["-l", spool.spool]));
  const policy = webhook(receiver.url);
  const sink = spool.sink(policy);
  for (let batch = 0; batch < 100; batch++) sink.write(events(batch * 10, 10));
  sink.close();
  const { dropped } = sink.tidy();
  assert.ok(dropped > 100 && dropped % 10 === 0, "no batch is torn");
  assert.match(spool.problems.join(), /ENOSPC/);
  await spool.send(policy);
  await receiver.until("all that fitted", ({ events }) => events.length >= 1000 - dropped);
  assert.deepEqual(
    sequences(receiver.events.filter(({ session }) => session !== undefined)),
    ALL(1000 - dropped),
  );
});

test("killed at any moment, the courier loses nothing, and sends at most its last batch twice", async (t) => {
  const receiver = await Receiver.start(t);
  const spool = new Spool(t);
  const policy = webhook(receiver.url, { batch: { events: 5, wait: "0s" } });
  const sink = spool.sink(policy);
  await spool.send(policy);
  for (let round = 0; round < 4; round++) {
    sink.write(events(round * 50, 50));
    const before = receiver.events.length;
    await receiver.until("some", ({ events }) => events.length > before);
    const { pid } = spool.courier;
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  }
  await receiver.until("all", ({ events }) => sequences(events).includes(199));
  const seen = new Set<unknown>();
  const once = sequences(receiver.events).filter((one) => !seen.has(one) && seen.add(one));
  assert.deepEqual(once, ALL(200));
  assert.ok(receiver.events.length <= 200 + 4 * 5);
});

test("another policy takes effect at once: another receiver, other headers, some events, none", async (t) => {
  const first = await Receiver.start(t);
  first.otherwise = says(500);
  const second = await Receiver.start(t);
  const spool = new Spool(t);
  const slow = { retry: { first: "1h", most: "1h" } };
  const sink = spool.sink(webhook(first.url, slow));
  sink.write(events(0, 3));
  await spool.send(webhook(first.url, slow));
  await first.until("a refusal", ({ asked }) => asked.length >= 1);
  const headersFile = join(spool.data, "headers");
  writeFileSync(headersFile, "# secret\n\nAuthorization: Bearer s3cret\nX-Sensor: lab 1 \n", { mode: 0o600 });
  const policy = webhook(second.url, { headersFile, only: ["login.*", "session.closed"] });
  sink.configure(policy);
  await spool.send(policy);
  await second.until("what waited", ({ events }) => events.length >= 3);
  const { headers } = second.taken[0] ?? {};
  assert.deepEqual([headers?.["authorization"], headers?.["x-sensor"]], ["Bearer s3cret", "lab 1"]);
  const names = ["login.failed", "login.success", "session.closed", "session.connect", "loginx.y"];
  sink.write(
    names.map((name, at) => ({ ...events(3 + at, 1)[0], eventid: `cowrie.${name}` }) as CowrieEvent),
  );
  await second.until("those asked for", ({ events }) => events.length >= 6);
  assert.deepEqual(sequences(second.events), [0, 1, 2, 3, 4, 5]);
  assert.ok(!spool.log.includes("s3cret"));
  await eventually("the cursor", () => sink.tidy().bytes === 0);
  await spool.courier.configure(undefined);
  sink.configure(undefined);
  sink.write(events(9, 1));
  await eventually("its end", () => spool.courier.pid === undefined);
  assert.equal(sink.tidy().bytes, 0, "nothing was spooled without a webhook");
});

test("when the gateway stops, what is there is sent once; what is not taken waits", async (t) => {
  const receiver = await Receiver.start(t);
  const spool = new Spool(t);
  const policy = webhook(receiver.url, { batch: { wait: "1h" } });
  const sink = spool.sink(policy);
  await spool.send(policy);
  sink.write(events(0, 3));
  await spool.courier.drain();
  assert.deepEqual(sequences(receiver.events), [0, 1, 2]);
  assert.deepEqual(sink.tidy(), { bytes: 0, dropped: 0 });
});

test("policies that follow each other at once leave one courier, of the last", async (t) => {
  const first = await Receiver.start(t);
  const second = await Receiver.start(t);
  const spool = new Spool(t);
  spool.sink(webhook(second.url)).write(events(0, 3));
  await Promise.all([
    spool.courier.configure(await spool.task(webhook(first.url, { batch: { wait: "1h" } }))),
    spool.courier.configure(undefined),
    spool.courier.configure(await spool.task(webhook(second.url))),
  ]);
  await second.until("all", ({ events }) => events.length >= 3);
  assert.equal(spool.started, 1);
  assert.deepEqual([sequences(second.events), first.asked.length], [[0, 1, 2], 0]);
});
