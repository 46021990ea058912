import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { indicatorsCommand } from "../../gateway/commands/indicators.ts";
import { searchCommand } from "../../gateway/commands/search.ts";
import { sessionsCommand } from "../../gateway/commands/sessions.ts";
import { rebuildIndex } from "../../gateway/index/rebuild.ts";
import { dataFolder, Live, putCapture } from "../archivist/folder.ts";
import { Conversation, SANDBOX } from "../evidence/conversation.ts";
import { Heard } from "./heard.ts";

const SHA256 = "ab".repeat(32);

/** A session that fetched something, and left a crontab with a hostile line. */
async function told(t: TestContext): Promise<string> {
  const data = dataFolder(t);
  const talk = new Conversation("aaaaaaaaaaaa").login();
  talk.exec(talk.after(2000).open(), "curl http://203.0.113.7/\x9b2Ja; echo root:p\xff1 | chpasswd");
  const live = new Live(data, talk.session);
  live.write(talk.entries);
  const folder = await live.finish(talk.end());
  writeFileSync(join(data, "artifacts", SHA256), Buffer.from("* * * * * /tmp/\x1b]0;owned\x07\n", "latin1"));
  putCapture(data, folder, {
    ...{ sandbox: SANDBOX, sessions: [talk.session], source: "192.0.2.7", cut: false },
    takenAt: "2026-11-23T03:00:00.000Z",
    changes: [{ kind: "A", path: "/var/spool/cron/crontabs/r\x1b[2J", type: "file", sha256: SHA256 }],
  });
  return data;
}

for (const [how, indexed] of [
  ["with an index", true],
  ["without an index", false],
] as const)
  describe(how, () => {
    test("lists what was left, and nothing of it reaches the terminal raw", async (t) => {
      const data = await told(t);
      if (indexed) await rebuildIndex(data);
      const heard = new Heard();
      assert.equal(await indicatorsCommand(undefined, { data }, heard), 0);
      const lines = heard.out.trimEnd().split("\n");
      assert.match(lines[0] ?? "", /^KIND +FIRST SEEN/);
      assert.deepEqual(
        lines.slice(1).map((line) => [line.split(" ")[0], line.replace(/^.* 1 +1 +/, "")]),
        [
          ["cron", "* * * * * /tmp/\\x1b]0;owned\\x07"],
          ["address", "203.0.113.7"],
          ["password-changed", "root:p\\xff1"],
          ["url", "http://203.0.113.7/\\x9b2Ja"],
        ],
      );
      // eslint-disable-next-line no-control-regex -- that there is none is what is tested
      assert.doesNotMatch(heard.out, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    });

    test("filters, and JSON with the bytes of what is no text", async (t) => {
      const data = await told(t);
      if (indexed) await rebuildIndex(data);
      const json = async (value: string | undefined, options: object) => {
        const heard = new Heard();
        await indicatorsCommand(value, { data, json: true, ...options }, heard);
        return heard.out
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Record<string, unknown>);
      };
      assert.deepEqual(await json(undefined, { kind: "password-changed" }), [
        {
          ...{ kind: "password-changed", value: "root:p\ufffd1", valueBytes: "cm9vdDpw/zE=" },
          ...{ firstSeen: "2026-11-23T02:15:39.263438Z", lastSeen: "2026-11-23T02:15:39.263438Z" },
          ...{ sessions: 1, sources: 1 },
        },
      ]);
      assert.deepEqual(
        (await json("203.0.113.*", {})).map(({ kind }) => kind),
        ["address"],
      );
      assert.deepEqual(await json("203.0.113.8", {}), []);
      assert.equal((await json(undefined, { since: "2026-11-23T02:30" })).length, 1);
    });

    test("sessions and search by an indicator", async (t) => {
      const data = await told(t);
      if (indexed) await rebuildIndex(data);
      const heard = new Heard();
      await sessionsCommand({ data, json: true, indicator: "203.0.113.7" }, heard);
      assert.match(heard.out, /"id":"aaaaaaaaaaaa"/);
      const found = new Heard();
      await searchCommand([], { data, indicator: "* * * * * /tmp/*" }, found);
      assert.match(found.out, /\n {2}cron +\* \* \* \* \* \/tmp\/\\x1b\]0;owned\\x07/);
      const none = new Heard();
      await sessionsCommand({ data, indicator: "198.51.100.77" }, none);
      assert.equal(none.out, "");
    });
  });

test("of one session: each with where it was seen", async (t) => {
  const data = await told(t);
  const heard = new Heard();
  assert.equal(await indicatorsCommand(undefined, { data, session: "aaaa", kind: "cron,address" }, heard), 0);
  assert.match(heard.out, /\naddress +203\.0\.113\.7 +entry \d+ \(\+2\.0 s\)/);
  assert.match(heard.out, /\ncron +\S.*\/var\/spool\/cron\/crontabs\/r\\x1b\[2J\n/);
});

test("what it does not understand, it says", async (t) => {
  const data = await told(t);
  await assert.rejects(indicatorsCommand(undefined, { data, kind: "urls" }), { code: "bad-usage" });
  await assert.rejects(indicatorsCommand(undefined, { data, session: "ffff" }), { code: "not-found" });
  await assert.rejects(searchCommand([], { data }), { code: "bad-usage" });
});
