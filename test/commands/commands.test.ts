import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { filesGetCommand } from "../../gateway/commands/files-get.ts";
import { filesShowCommand } from "../../gateway/commands/files-show.ts";
import { filesCommand } from "../../gateway/commands/files.ts";
import { sessionsCommand } from "../../gateway/commands/sessions.ts";
import { showCommand } from "../../gateway/commands/show.ts";
import { rebuildIndex } from "../../gateway/index/rebuild.ts";
import { toByteString } from "../../gateway/model/bytes.ts";
import type { Capture } from "../../gateway/model/capture.ts";
import type { SessionId } from "../../gateway/model/ids.ts";
import { openNetworkFile } from "../../gateway/model/late-files.ts";
import { Conversation, SANDBOX } from "../evidence/conversation.ts";
import { DAY, dataFolder, Live, putCapture, putLateFacts } from "../archivist/folder.ts";
import { BOT, LOOKED_UP, NETWORK_FACTS, SUNK } from "../evidence/network-facts.ts";
import { Heard } from "./heard.ts";

const CONTENT = Buffer.from("#!/bin/sh\nexit 0\n");
const SHA = createHash("sha256").update(CONTENT).digest("hex");
/** Would clear the screen, retitle the window and turn text around, if it were printed as it is. */
const HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202e; rm -rf \xff";
const HOSTILE_NAME = toByteString(Buffer.from("\x1b[2J\x9b\u202e.example"));

async function told(t: TestContext): Promise<string> {
  const data = dataFolder(t);
  const talk = new Conversation("aaaaaaaaaaaa")
    .hello()
    .password("root", "123456", "refused")
    .password("root", "hunter2", "accepted")
    .leased();
  const channel = talk.after(900).open();
  talk.exec(channel, `echo ${HOSTILE}`).gets(channel, "x\n").exits(channel, 3);
  talk.forward("203.0.113.9", 25);
  for (const fact of [...NETWORK_FACTS, BOT, { ...LOOKED_UP, name: HOSTILE_NAME }]) talk.fact(fact);
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  const folder = await live.finish(talk.end());
  putCapture(data, folder, CAPTURE);
  putLateFacts(data, folder, [SUNK, { ...SUNK, from: 1 }, { ...LOOKED_UP, name: HOSTILE_NAME }]);
  writeFileSync(join(data, "artifacts", SHA), CONTENT);
  const second = new Conversation("bbbbbbbbbbbb", "2026-11-23T03:10:00.000000Z")
    .hello("SSH-2.0-Go")
    .password("admin", "admin", "refused");
  const other = new Live(data, second.session);
  other.write(second.entries);
  await other.finish(second.end("too-many-attempts"));
  const third = new Conversation("cccccccccccc", "2026-11-23T03:15:00.000000Z").login("pi", "raspberry");
  new Live(data, third.session).write(third.entries);
  return data;
}

for (const indexed of [true, false]) {
  const how = indexed ? "with an index" : "without an index";

  test(`sessions lists them, the most recent first, ${how}`, async (t) => {
    const data = await told(t);
    if (indexed) await rebuildIndex(data);
    const heard = new Heard();
    assert.equal(await sessionsCommand({ data }, heard), 0);
    const lines = heard.out.trimEnd().split("\n");
    assert.deepEqual(
      lines.slice(1).map((line) => line.slice(0, 12)),
      ["cccccccccccc", "bbbbbbbbbbbb", "aaaaaaaaaaaa"],
    );
    assert.match(lines[1] ?? "", /now|s ago/);
    assert.match(lines[1] ?? "", /pi \/ raspberry .*LIVE$/);
    assert.match(
      lines[2] ?? "",
      /6 min ago.*192\.0\.2\.7 .*refused: admin \/ admin .*Go .*too-many-attempts$/,
    );
    assert.match(lines[3] ?? "", /60 min ago.*root \/ hunter2 .*OpenSSH_9\.2p1 .* 2 +1 +2 +client-closed$/);
    assert.equal(heard.err.includes("no index"), !indexed);
  });

  test(`sessions finds by user, source, command and time, ${how}`, async (t) => {
    const data = await told(t);
    if (indexed) await rebuildIndex(data);
    const found = async (filter: object) => {
      const heard = new Heard();
      await sessionsCommand({ data, json: true, ...filter }, heard);
      return heard.out
        .split("\n")
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as { id: string }).id[0])
        .join("");
    };
    assert.equal(await found({}), "cba");
    assert.equal(await found({ user: "root" }), "a");
    assert.equal(await found({ user: "*i*" }), "cb");
    assert.equal(await found({ source: "192.0.2.*" }), "cba");
    assert.equal(await found({ source: "198.51.100.1" }), "");
    assert.equal(await found({ command: "rm -rf" }), "a");
    assert.equal(await found({ since: "10m" }), "cb");
    assert.equal(await found({ since: "2026-11-23T03:12:00Z" }), "c");
    assert.equal(await found({ limit: "2" }), "cb");
  });

  test(`files lists what changed, ${how}`, async (t) => {
    const data = await told(t);
    if (indexed) await rebuildIndex(data);
    const heard = new Heard();
    assert.equal(await filesCommand({ data }, heard), 0);
    assert.match(heard.out, /^aaaaaaaaaaaa\.0 .* A +17 B +script \(sh\) +[0-9a-f]{12} +\/tmp\/x\\x1b\[2J$/m);
    assert.match(heard.out, /^aaaaaaaaaaaa\.2 .* D .*\/etc\/motd$/m);
    assert.ok(!heard.out.includes("aaaaaaaaaaaa.1"), "folders are only in the JSON");
    const json = new Heard();
    await filesCommand({ data, json: true, session: "aaaaaaaaaaaa", source: "192.0.2.7" }, json);
    assert.equal(json.out.trimEnd().split("\n").length, 3);
    for (const [type, lines] of [
      ["script", 2],
      ["elf", 0],
    ] as const) {
      const typed = new Heard();
      await filesCommand({ data, type }, typed);
      assert.equal(typed.out.split("\n").filter(Boolean).length, lines, "a head, and those of the type");
    }
    await assert.rejects(filesCommand({ data, type: "malware" }, new Heard()), { code: "bad-usage" });
    const shown = new Heard();
    assert.equal(await filesShowCommand(SHA.slice(0, 8), { data }, shown), 0);
    assert.match(shown.out, /^script \(sh\), 17 B$/m);
    assert.match(shown.out, / captured +aaaaaaaaaaaa +192\.0\.2\.7 +\/tmp\/x\\x1b\[2J$/m);
    const none = new Heard();
    assert.equal(await filesCommand({ data, sandbox: "000000000000" }, none), 0);
    assert.equal(none.out, "");
  });
}

test("show tells the story, and nothing of it reaches the terminal raw", async (t) => {
  const data = await told(t);
  await rebuildIndex(data);
  const heard = new Heard();
  assert.equal(await showCommand("aaaa", { data }, heard), 0);
  assert.match(heard.out, /^Session aaaaaaaaaaaa, 2026-11-23 02:15:37 UTC \(60 min ago\)$/m);
  assert.match(heard.out, /from {4}192\.0\.2\.7:50123 to 198\.51\.100\.1:22, sensor lab, persona debian-12/);
  assert.match(heard.out, /They got in at attempt 2/);
  assert.match(heard.out, /root \/ 123456 {2}refused by policy \(otherwise\)/);
  assert.match(heard.out, /root \/ hunter2 {2}accepted/);
  assert.match(heard.out, /\+0\.980 s {2}\[1\] exec echo \\x1b\[2J/);
  assert.match(heard.out, /\[1\] exit status 3/);
  assert.match(heard.out, /forward asked to 203\.0\.113\.9:25/);
  assert.match(heard.out, new RegExp(`A /tmp/x\\\\x1b\\[2J, 17 B, sha256 ${SHA.slice(0, 12)}`));
  assert.match(heard.out, /D \/etc\/motd/);
  assert.match(heard.out, /Ended after 1\.0 s: they closed the connection/);
  const sections = heard.out.split("\n\n").map((section) => section.split("\n"));
  const network = sections.filter(([heading]) => heading?.startsWith("What was tried on the network"));
  assert.deepEqual(network, [
    [
      "What was tried on the network",
      "  denied: tcp 203.0.113.5:25 (bot) ×28",
      "  sinkholed: tcp 203.0.113.9:80 c2.example, 5.0 kB sent: GET /\\x1b[2J HTTP/1.1",
      "  looked up: updates.example",
      "  capped: tcp 203.0.113.9:80 (cap)",
      "  denied: protocol 47 169.254.169.254 (fence)",
      "  looked up: \\x1b[2J\\x9b\\u{202e}.example",
    ],
    [
      "What was tried on the network after they left, until 2026-11-23 10:00:02 UTC",
      "  sinkholed: tcp 203.0.113.9:80 c2.example, 5.0 kB sent: GET /\\x1b[2J HTTP/1.1 ×2",
      "  looked up: \\x1b[2J\\x9b\\u{202e}.example",
    ],
  ]);
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(heard.out, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
});

test("show --json has the exact bytes beside the text", async (t) => {
  const data = await told(t);
  const heard = new Heard();
  await showCommand("aaaaaaaaaaaa", { data, json: true }, heard);
  const whole = JSON.parse(heard.out) as {
    observations: Record<string, unknown>[];
    stayed: { changes: unknown[] };
    unattended: { at: string; sandbox: string; fact: Record<string, unknown> }[];
    summary: Record<string, unknown>;
  };
  const command = whole.observations.find(({ kind }) => kind === "command");
  // The builder takes one byte for each character, so the override of direction is not UTF-8 here.
  assert.ok(Buffer.from(String(command?.["textBytes"]), "base64").includes(Buffer.from("\xff", "latin1")));
  assert.equal(whole.stayed.changes.length, 3);
  assert.equal(whole.observations.filter(({ kind }) => kind === "network").length, 7);
  assert.equal(whole.summary["network"], 33);
  assert.deepEqual(
    whole.unattended.map(({ at, sandbox }) => [at, sandbox]),
    [0, 1, 2].map((second) => [`2026-11-23T10:00:0${second}.000000Z`, SANDBOX]),
  );
  const [sunk] = whole.unattended;
  assert.deepEqual(sunk?.fact["to"], { address: "203.0.113.9", port: 80 });
  assert.equal(Buffer.from(String(sunk.fact["dataBytes"]), "base64").toString("latin1"), SUNK.data);
});

test("show tells what a living sandbox tried by now", async (t) => {
  const data = await told(t);
  const folder = join(data, "recordings", DAY, "aaaaaaaaaaaa");
  mkdirSync(join(data, "live/network"));
  const open = join(data, openNetworkFile(DAY, "aaaaaaaaaaaa" as SessionId));
  renameSync(join(folder, "network.jsonl"), open);
  const heard = new Heard();
  await showCommand("aaaaaaaaaaaa", { data }, heard);
  assert.match(heard.out, /on the network after they left/);
});

test("show says when there is no such session, and when there are several", async (t) => {
  const data = await told(t);
  await assert.rejects(showCommand("dddd", { data }, new Heard()), { code: "not-found" });
  await assert.rejects(showCommand("../..", { data }, new Heard()), { code: "not-found" });
  const live = new Heard();
  assert.equal(await showCommand("c", { data }, live), 0);
  assert.match(live.out, /It still lives/);
});

test("files get copies an artifact out, privately, and never over another file", async (t) => {
  const data = await told(t);
  for (const [name, what] of [
    ["whole", SHA],
    ["part", SHA.slice(0, 8)],
    ["id", "aaaaaaaaaaaa.0"],
  ] as const) {
    const to = join(data, name);
    assert.equal(await filesGetCommand(what, { data, output: to }, new Heard()), 0);
    assert.deepEqual(readFileSync(to), CONTENT);
    assert.equal(statSync(to).mode & 0o777, 0o600);
    await assert.rejects(filesGetCommand(what, { data, output: to }, new Heard()), { code: "bad-usage" });
  }
  for (const what of ["0".repeat(64), "abcdef", "aaaaaaaaaaaa.2", "aaaaaaaaaaaa.77", "../index.sqlite"])
    await assert.rejects(filesGetCommand(what, { data, output: join(data, "none") }, new Heard()), {
      code: "not-found",
    });
  writeFileSync(join(data, "artifacts", SHA), "not what it was");
  await assert.rejects(filesGetCommand(SHA, { data, output: join(data, "changed") }, new Heard()), {
    code: "recording-damaged",
  });
});

test("what is no time or number is said to be none", async (t) => {
  const data = dataFolder(t);
  await assert.rejects(sessionsCommand({ data, since: "last week" }, new Heard()), { code: "bad-usage" });
  await assert.rejects(sessionsCommand({ data, limit: "0" }, new Heard()), { code: "bad-usage" });
  const heard = new Heard();
  assert.equal(await sessionsCommand({ data }, heard), 0);
  assert.match(heard.err, /No sessions/);
});

test("root reading an index leaves nothing of its own beside it", async (t) => {
  assert.equal(process.getuid?.(), 0, "this test gives files to another user, which needs root");
  const data = await told(t);
  const archivist = 1_900_000_063;
  mkdirSync(join(data, "events"), { recursive: true });
  chownSync(join(data, "events"), archivist, archivist);
  chmodSync(data, 0o1771);
  await rebuildIndex(data);
  assert.equal(statSync(join(data, "index.sqlite")).uid, archivist);
  await sessionsCommand({ data }, new Heard());
  for (const suffix of ["-wal", "-shm"]) {
    const stat = statSync(join(data, `index.sqlite${suffix}`), { throwIfNoEntry: false });
    if (stat !== undefined) assert.equal(stat.uid, archivist);
  }
});

const CAPTURE: Capture = {
  sandbox: SANDBOX,
  sessions: [],
  source: "192.0.2.7",
  takenAt: "2026-11-23T02:20:00.000Z",
  cut: false,
  changes: [
    { kind: "A", path: "/tmp/x\x1b[2J", type: "file", size: CONTENT.length, mode: 0o644, sha256: SHA },
    { kind: "C", path: "/tmp", type: "directory" },
    { kind: "D", path: "/etc/motd", type: "gone" },
  ],
};
