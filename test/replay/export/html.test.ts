import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { Conversation } from "../../evidence/conversation.ts";
import { ownFolder } from "../../recording/sample.ts";
import { openPage, type Page } from "./browser.ts";
import { conversation, exported, recorded, SESSION } from "./sample.ts";

async function pageOf(t: TestContext, talk: Conversation): Promise<{ page: Page; file: string }> {
  const file = join(ownFolder(t), "session.html");
  const { code } = await exported({ session: await recorded(t, talk.whole()), format: "html", output: file });
  assert.equal(code, 0);
  return { page: await openPage(t, pathToFileURL(file).href), file };
}

/** Goes to this second, where its terminal must show this: at once, or when a busy machine has drawn it. */
async function shows(page: Page, seconds: number, expected: RegExp): Promise<void> {
  await page.evaluate(`player.seek(${seconds})`);
  let shown = "";
  for (let tries = 0; tries < 600 && !expected.test(shown); tries++) {
    await sleep(100);
    shown = String(
      await page.evaluate(
        `[...document.querySelectorAll(".ap-term .ap-line")].map((line) => line.textContent.trimEnd()).join("\\n")`,
      ),
    );
  }
  assert.match(shown, expected);
}

test("in a real browser the page plays what the terminal showed, resizes and all, and fetches nothing", async (t) => {
  const { page, file } = await pageOf(t, conversation());
  await shows(page, 0.95, /root@srv01:~# cat \u871c\s+h\u00e9\ufffd/);
  await shows(page, 2.4, /~ full screen[^]*-- status --/);
  await shows(page, 5, /root@srv01:~# vi x\s+after/);
  assert.equal(await page.evaluate("player.getDuration()"), 5);
  assert.equal(await page.evaluate("document.title"), `Session ${SESSION}, channel 1`);
  assert.deepEqual(
    page.requests.filter((url) => !url.startsWith("data:")),
    [pathToFileURL(file).href],
  );
  assert.deepEqual(page.complaints, []);
  // The marker of the second command.
  await page.evaluate(`player.seek({ marker: 1 })`);
  assert.equal(await page.evaluate("player.getCurrentTime()"), 2);
});

test("nothing that strangers said or printed becomes part of the page", async (t) => {
  const evil = `</script><script>document.title="owned"</script><!--<script>"'\\u2028\u2028<img src=x onerror='document.title="owned"'>`;
  const talk = new Conversation(SESSION).login();
  const channel = talk.open();
  talk.exec(channel, evil).after(10).gets(channel, Buffer.from(evil)).exits(channel, 0);
  const { page } = await pageOf(t, talk);
  await shows(page, 1, /<\/script><script>document/);
  assert.match(String(await page.evaluate("document.title")), /^Session .*<\/script>/);
  assert.equal(await page.evaluate(`document.querySelectorAll("script").length`), 3);
  assert.equal(await page.evaluate(`document.querySelectorAll("img").length`), 0);
  assert.deepEqual(page.complaints, []);
});

test("were there a hole, the page's policy would still let nothing run", async (t) => {
  const { file } = await pageOf(t, conversation());
  const holed = join(ownFolder(t), "holed.html");
  const evil = `<script>document.title="owned"</script><img src="http://192.0.2.1/x">`;
  writeFileSync(holed, readFileSync(file, "utf8").replace("<h1>", `<h1>${evil}`));
  const page = await openPage(t, pathToFileURL(holed).href);
  assert.notEqual(await page.evaluate("document.title"), "owned");
  for (let tries = 0; tries < 600 && page.complaints.length < 2; tries++) await sleep(100);
  assert.equal(page.complaints.length, 2, page.complaints.join("\n"));
});

test("what is too large for a page is refused with what to do", async (t) => {
  const talk = new Conversation(SESSION).login();
  const channel = talk.open();
  talk.shell(channel);
  for (let piece = 0; piece < 1100; piece++) talk.gets(channel, "x".repeat(32_000));
  const session = await recorded(t, talk.whole());
  await assert.rejects(exported({ session, format: "html" }), (error: Error & { remedy?: string }) => {
    assert.match(error.message, /more than 32 MiB/);
    assert.match(error.remedy ?? "", /--format asciicast/);
    return true;
  });
});
