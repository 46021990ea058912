/** Whatever strangers' bytes and names are: nothing of it crashes what tells of it, or gets out of its place on a terminal or in a report. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { marked } from "marked";
import { exportStixCommand } from "../../gateway/commands/export-stix.ts";
import { filesCommand } from "../../gateway/commands/files.ts";
import { indicatorsCommand } from "../../gateway/commands/indicators.ts";
import { linksCommand } from "../../gateway/commands/links.ts";
import { reportCommand } from "../../gateway/commands/report.ts";
import { showCommand } from "../../gateway/commands/show.ts";
import { rebuildIndex } from "../../gateway/index/rebuild.ts";
import type { SessionId } from "../../gateway/model/ids.ts";
import { dataFolder, Live, putCapture, putLateFacts } from "../archivist/folder.ts";
import { Conversation, SANDBOX } from "../evidence/conversation.ts";
import { byteString } from "../evidence/indicators/byte-string.ts";
import { SUNK } from "../evidence/network-facts.ts";
import { Heard } from "./heard.ts";

const SINCE = "2026-11-01";
/** What means something to a terminal, a shell, Markdown, HTML, a path, a database or a text. */
const PIECES = [
  ...[
    "\x1b[2J",
    "\x1b]0;owned\x07",
    "\x9b31m",
    "\r",
    "\n",
    "\0",
    "\x08",
    "\xe2\x80\xae",
    "\xff\xfe",
    "\xed\xa0\x80",
  ],
  ...[
    "|",
    "`",
    "``",
    "```",
    "\n\n# x\n",
    "[a](http://e.example)",
    "![a](x)",
    "<b onclick=x>",
    "&lt;",
    "\\",
    "\\|",
    "*",
    "_",
    "~~",
  ],
  ...[
    "../../etc/passwd",
    "/",
    "//",
    ";",
    "$(id)",
    "'",
    '"',
    "' OR 1=1 --",
    "%s%n",
    "${x}",
    "-rf",
    "--help",
    "a",
    "http://203.0.113.7/",
  ],
  ...["useradd ", "> /etc/cron.d/", "echo ", "wget ", "A".repeat(3000), "\u{e9}", "\xc3\xa9"],
];

for (const seed of [1, 2, 3, 4])
  test(`round ${seed}`, async (t) => {
    const random = dice(seed);
    const hostile = () => Array.from({ length: 1 + Math.floor(random() * 6) }, () => PIECES[Math.floor(random() * PIECES.length)] ?? "").join(""); // prettier-ignore
    const data = dataFolder(t);
    const session = createHash("md5").update(String(seed)).digest("hex").slice(0, 12);
    const talk = new Conversation(session).hello(hostile()).password(hostile(), hostile(), "refused");
    talk.password(hostile(), hostile(), "accepted").leased();
    talk.fact({ kind: "logged-in", user: byteString(hostile()), method: "password" });
    for (let number = 0; number < 12; number++) {
      const channel = talk.open();
      talk
        .exec(channel, number % 3 === 0 ? `echo '${hostile()}' > ${hostile()}` : hostile())
        .exits(channel, 0);
    }
    const scp = talk.open();
    talk
      .exec(scp, "scp -t /tmp")
      .sends(scp, `C0644 3 ${hostile().replace(/[\n/]/g, "")}\nabc\0`)
      .exits(scp, 0);
    const shell = talk.open();
    talk.shell(shell);
    for (let line = 0; line < 12; line++)
      talk.sends(shell, `${hostile()}\r`).gets(shell, hostile()).after(100);
    talk.sends(talk.forward(hostile(), 80), `GET / HTTP/1.1\r\nUser-Agent: ${hostile()}\r\n\r\n`);
    const time = Date.parse("2026-11-23T02:16:00Z") * 1000;
    const done = { kind: "process", time, uid: 0, pid: 4, parent: 0 } as const;
    talk.fact({ ...done, did: "run", path: byteString(hostile()), argv: [byteString(hostile())] });
    talk.fact({
      kind: "file",
      how: "run",
      path: byteString(`/${hostile()}`),
      sha256: "e".repeat(64),
      size: 3,
      time,
    });
    talk.fact({ ...SUNK, name: byteString(hostile()), data: byteString(hostile()) });
    const live = new Live(data, session as SessionId);
    live.write(talk.entries);
    const folder = await live.finish(talk.end());
    putCapture(data, folder, {
      ...{ sandbox: SANDBOX, sessions: [session as SessionId], source: "192.0.2.7", cut: false },
      takenAt: "2026-11-23T02:20:00.000000Z",
      changes: [
        { kind: "A", path: `/${hostile()}`, type: "file", size: 4, sha256: "d".repeat(64) },
        { kind: "A", path: `/${hostile()}`, type: "link", linkTarget: hostile() },
      ],
    });
    putLateFacts(data, folder, [{ ...SUNK, name: byteString(hostile()) }]);
    await rebuildIndex(data);

    const says = async (run: (output: Heard) => Promise<unknown>) => {
      const heard = new Heard();
      await run(heard);
      assert.equal(heard.err, "");
      return heard.out;
    };
    const commands: readonly ((json: boolean, output: Heard) => Promise<unknown>)[] = [
      (json, output) => showCommand(session, { data, json }, output),
      (json, output) => showCommand(session, { data, json, full: true }, output),
      (json, output) => filesCommand({ data, json }, output),
      (json, output) => linksCommand(session, { data, json }, output),
      (json, output) => indicatorsCommand(undefined, { data, json }, output),
      (json, output) => indicatorsCommand(undefined, { data, json, session }, output),
      (json, output) => reportCommand({ data, since: SINCE, json }, output),
    ];
    for (const command of commands) {
      const text = await says((output) => command(false, output));
      // eslint-disable-next-line no-control-regex -- what a terminal would obey
      assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]/);
      const json = await says((output) => command(true, output));
      for (const line of json.split("\n").filter(Boolean)) JSON.parse(line);
    }
    const report = await says((output) => reportCommand({ data, since: SINCE }, output));
    const html = marked.parse(report, { async: false, gfm: true });
    for (const tag of html.matchAll(/<\/?([a-z][a-z0-9]*)([^>]*)>/g))
      assert.match(tag[0], /^<\/?(?:h1|h2|p|table|thead|tbody|tr|th|td|code)>$/);
    for (const table of html.split("<table>").slice(1)) {
      const [head = 0, ...rows] = table.split("</table>")[0]?.split("</tr>").slice(0, -1).map((row) => row.split(/<t[hd]>/).length) ?? []; // prettier-ignore
      for (const cells of rows) assert.equal(cells, head, "a row has as many cells as its head");
    }
    const path = join(data, "bundle.json");
    assert.equal(await exportStixCommand([session], { data, output: path }), 0);
    const bundle = JSON.parse(readFileSync(path, "utf8")) as { objects: unknown[] };
    assert.ok(bundle.objects.length > 5);
  });

function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
