import assert from "node:assert/strict";
import { test } from "node:test";
import { readCursor } from "../../gateway/model/spool.ts";
import { Receiver, says } from "./receiver.ts";
import { events, sequences, Spool, webhook } from "./spool.ts";

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
