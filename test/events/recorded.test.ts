/** The events of whole sessions, held against the schema: each field, and their order. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EventMapper } from "../../gateway/events/event-mapper.ts";
import { RecordingDamaged } from "../../gateway/recording/damage.ts";
import { readEntries } from "../../gateway/recording/reader.ts";
import { busy, CONTEXT, everything, map, RECORDING } from "./everything.ts";
import { faults, orderFaults } from "./field-table.ts";

const GOLDENS = join(import.meta.dirname, "../goldens/recordings");

for (const name of readdirSync(GOLDENS).filter((name) => name.endsWith(".mbr")))
  test(`the golden recording ${name}`, async () => {
    const mapper = new EventMapper(CONTEXT);
    const events = [];
    try {
      for await (const entry of readEntries(join(GOLDENS, name))) events.push(...mapper.push(entry));
    } catch (error) {
      if (!(error instanceof RecordingDamaged)) throw error;
    }
    events.push(...mapper.end(RECORDING));
    assert.ok(events.length >= 3);
    assert.deepEqual(events.flatMap(faults), []);
    assert.deepEqual(orderFaults(events), []);
  });

test("a long and busy session", () => {
  const events = map(busy().whole());
  assert.ok(events.length > 1000);
  assert.deepEqual(events.flatMap(faults), []);
  assert.deepEqual(orderFaults(events), []);
});

test("the check of the order sees what is wrong", () => {
  const events = map(everything().whole());
  const swapped = (name: string, by: number) => {
    const copy = [...events];
    const at = copy.findIndex(({ eventid }) => eventid === `cowrie.${name}`);
    const [one] = copy.splice(at, 1);
    if (one !== undefined) copy.splice(at + by, 0, one);
    return copy.map((event, place) => ({ ...event, mitsubako_sequence: place }));
  };
  for (const [name, by] of [
    ["session.connect", 1],
    ["client.kex", -1],
    ["login.success", 1],
    ["session.params", 1],
    ["client.var", 4],
    ["direct-tcpip.data", -1],
    ["log.closed", -1],
    ["session.closed", -1],
  ] as const)
    assert.notDeepEqual(orderFaults(swapped(name, by)), [], `${name} by ${by}`);
  assert.notDeepEqual(orderFaults(events.slice(0, -1)), []);
  assert.notDeepEqual(orderFaults([...events, ...events.slice(-1)]), []);
  for (const change of [
    { width: "80" },
    { duration: 12.3 },
    { late: false },
    { extra: 1 },
    { src_ip: "localhost" },
  ])
    assert.notDeepEqual(
      events.flatMap((event) => faults({ ...event, ...change })),
      [],
      JSON.stringify(change),
    );
});
