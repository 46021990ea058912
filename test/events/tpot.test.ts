import assert from "node:assert/strict";
import { test } from "node:test";
import { eventLine, type CowrieEvent } from "../../gateway/events/cowrie-event.ts";
import type { FieldType } from "../../gateway/events/field.ts";
import { COMMON_FIELDS, EVENTS } from "../../gateway/events/schema.ts";
import { busy, everything, map } from "./everything.ts";
import { Index, throughLogstash, type Document } from "./tpot.ts";

function documents(events: readonly CowrieEvent[]): Document[] {
  return events.map((event) => {
    const document = throughLogstash(eventLine(event));
    assert.ok(document, `${event.eventid} is dropped`);
    return document;
  });
}

const ALL = [...map(everything().whole()), ...map(busy().whole())];

test("T-Pot takes every event, at its time and with the attacker's place", () => {
  for (const [index, { fields, time, geo }] of documents(ALL).entries()) {
    const event = ALL[index] as CowrieEvent;
    assert.equal(geo, "192.0.2.7");
    assert.equal(fields["protocol"], "ssh");
    assert.equal(fields["message"], event["message"]);
    assert.equal(fields["tags"], undefined);
    // Events of keys have a `type` of their own, which takes them past T-Pot's filter; Cowrie's are the same.
    if ("type" in event) continue;
    assert.equal(time, Date.parse(String(event["timestamp"])), event.eventid);
    assert.equal(fields["dest_port"], event["dst_port"]);
    assert.equal(fields["dest_ip"], event["dst_ip"]);
    assert.equal(fields["dst_ip"], undefined);
  }
});

test("T-Pot's dashboards find what they show, each where Cowrie has it", () => {
  const shown = {
    "session.connect": ["src_ip", "src_port", "dest_ip", "dest_port"],
    "client.version": ["version"],
    "client.kex": ["hassh", "hasshAlgorithms"],
    "login.success": ["username", "password"],
    "command.input": ["input"],
    "session.file_upload": ["filename", "outfile", "shasum"],
    "direct-tcpip.request": ["dest_ip", "dest_port"],
    "session.closed": ["duration"],
  };
  for (const [name, fields] of Object.entries(shown)) {
    const found = documents(ALL.filter(({ eventid }) => eventid === `cowrie.${name}`));
    assert.ok(found.length > 0, name);
    for (const document of found)
      for (const field of fields) assert.ok(document.fields[field] !== undefined, `${name} has no ${field}`);
  }
  const download = EVENTS["session.file_download"]?.fields ?? {};
  assert.deepEqual([download["url"]?.type, download["outfile"]?.type], ["text", "string"]);
});

test("T-Pot's index takes all of them: no field is of two types, and none is an object", () => {
  const index = new Index();
  const refused = documents(ALL).flatMap((document) => index.add(document));
  assert.deepEqual(refused, []);
  assert.ok(index.fields < 150, `${index.fields} fields`);
});

test("one name has one type in the whole schema, also in events that are seldom", () => {
  const KINDS: Record<FieldType, string> = {
    ...{ string: "string", text: "string", strings: "string", sha256: "string", md5: "string", ip: "string" },
    ...{ decimal: "string", hex: "string", time: "string", integer: "number", boolean: "boolean" },
  };
  const seen = new Map<string, string>();
  for (const [name, { fields }] of Object.entries({ common: { fields: COMMON_FIELDS }, ...EVENTS }))
    for (const [field, { type }] of Object.entries(fields)) {
      const kind = KINDS[type];
      assert.equal(seen.get(field) ?? kind, kind, `${name}.${field}`);
      seen.set(field, kind);
    }
});

test("as flat as Splunk's and Sentinel's tables want them: one line, one level, the same again after parsing", () => {
  for (const event of ALL) {
    const line = eventLine(event);
    assert.equal(line.indexOf("\n"), line.length - 1);
    // Whatever a terminal or a line format would act on is escaped.
    // eslint-disable-next-line no-control-regex
    assert.ok(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/.test(line));
    assert.deepEqual(JSON.parse(line), event);
    for (const [name, value] of Object.entries(event)) {
      assert.match(name, /^[a-zA-Z_][a-zA-Z0-9_]*$/);
      assert.ok(typeof value !== "object" || value.every((one) => typeof one === "string"), name);
    }
  }
});

test("a line that is no event is dropped by T-Pot, so that the tests above can fail", () => {
  assert.equal(throughLogstash('{"eventid":"cowrie.session.connect"'), undefined);
  assert.equal(throughLogstash("[]"), undefined);
  const late = throughLogstash('{"timestamp":"23/Nov/2026"}');
  assert.deepEqual([late?.time, late?.fields["tags"]], [undefined, ["_dateparsefailure"]]);
  const index = new Index();
  index.add({ fields: { duration: "1.0" }, time: 0, geo: undefined });
  assert.equal(index.add({ fields: { duration: 1 }, time: 0, geo: undefined }).length, 1);
});
