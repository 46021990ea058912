import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import type { ByteString } from "../../gateway/model/bytes.ts";
import { pastOf, type PastInput } from "../../gateway/sandbox/past/past.ts";
import { pidAfter } from "../../gateway/sandbox/past/pids.ts";
import type { TarFile } from "../../gateway/sandbox/tar.ts";

const DAY = 86_400_000;
const bytes = (text: string) => text as ByteString;
const INPUT: PastInput = {
  seed: "one",
  hostname: "srv01",
  kernel: "6.1.0-30-amd64",
  installed: Date.UTC(2026, 2, 3, 10, 20, 30),
  booted: Date.UTC(2026, 6, 1, 4, 5, 6),
  bootId: "0123456789abcdef0123456789abcdef",
  // A Wednesday.
  now: Date.UTC(2026, 7, 19, 14, 3, 2),
  accounts: {
    passwd: bytes("root:x:0:0:root:/root:/bin/bash\n"),
    shadow: bytes("root:*:20000:0:99999:7:::\n"),
    group: bytes("root:x:0:\nadm:x:4:\nsudo:x:27:\nshadow:x:42:\nusers:x:100:\ncrontab:x:101:\n"),
    gshadow: bytes("root:*::\nsudo:*::\nusers:*::\n"),
  },
  hasMail: true,
  skel: [{ name: ".profile", content: Buffer.from("# profile\n"), mode: 0o644, modifiedAt: new Date(0) }],
};
const past = pastOf(INPUT);

function contentOf(path: string, files: readonly TarFile[] = past): Buffer {
  const file = files.find((each) => each.path === path);
  assert.ok(file?.content, path);
  return path.endsWith(".gz") ? gunzipSync(file.content) : Buffer.from(file.content);
}

/** Current and rotated ones, oldest first. */
function linesOf(name: string): string[] {
  const names = past.map(({ path }) => path).filter((path) => path.startsWith(`var/log/${name}`));
  const age = (path: string) => Number(/\.(\d+)(?:\.gz)?$/.exec(path)?.[1] ?? 0);
  const oldestFirst = names.sort((one, other) => age(other) - age(one));
  return oldestFirst.flatMap((path) => contentOf(path).toString("latin1").split("\n").slice(0, -1));
}

interface Record {
  readonly type: number;
  readonly user: string;
  readonly host: string;
  readonly at: number;
}

function records(path: string): Record[] {
  const content = contentOf(path);
  assert.equal(content.length % 384, 0);
  const text = (at: number, length: number) =>
    content.toString("latin1", at, at + length).replace(/\0.*$/s, "");
  return Array.from({ length: content.length / 384 }, (_, index) => ({
    type: content.readInt16LE(index * 384),
    user: text(index * 384 + 44, 32),
    host: text(index * 384 + 76, 256),
    at: content.readInt32LE(index * 384 + 340) * 1000,
  }));
}

test("one seed gives one past, another seed another in every respect", () => {
  assert.deepEqual(pastOf(INPUT), past);
  const other = pastOf({ ...INPUT, seed: "two" });
  for (const path of [
    "etc/machine-id",
    "etc/passwd",
    "var/log/auth.log",
    "var/log/wtmp",
    "var/www/html/index.html",
  ])
    assert.notDeepEqual(contentOf(path, other), contentOf(path), path);
});

test("a day later the same things have happened, and more", () => {
  const later = pastOf({ ...INPUT, now: INPUT.now + DAY });
  const before = contentOf("var/log/auth.log").toString();
  const after = contentOf("var/log/auth.log", later).toString();
  assert.ok(after.startsWith(before) && after.length > before.length);
  const wtmp = contentOf("var/log/wtmp", later);
  assert.deepEqual(wtmp.subarray(0, contentOf("var/log/wtmp").length), contentOf("var/log/wtmp"));
});

test("nothing lies in the future or before the installation", () => {
  for (const { path, modifiedAt } of past)
    assert.ok(modifiedAt.getTime() >= INPUT.installed && modifiedAt.getTime() < INPUT.now, path);
  for (const name of ["auth.log", "syslog", "cron.log"]) {
    const times = linesOf(name).map((line) => Date.parse(line.split(" ")[0] ?? ""));
    assert.ok(times.length > 500, name);
    assert.ok(
      times.every((at) => at > INPUT.installed && at < INPUT.now),
      name,
    );
    assert.deepEqual(
      times,
      times.toSorted((one, other) => one - other),
      name,
    );
  }
  for (const path of ["var/log/wtmp", "var/log/btmp", "var/log/btmp.1"]) {
    const times = records(path).map(({ at }) => at);
    assert.ok(times.length > 10 && times.every((at) => at >= INPUT.installed - 1000 && at < INPUT.now), path);
    assert.deepEqual(
      times,
      times.toSorted((one, other) => one - other),
      path,
    );
  }
});

test("logs and records tell of the same logins", () => {
  const lines = linesOf("auth.log");
  const oldest = Date.parse(lines[0]?.split(" ")[0] ?? "");
  const seconds = (line: string) => Math.floor(Date.parse(line.split(" ")[0] ?? "") / 1000) * 1000;
  const admin = /^(.*):x:1000:/m.exec(contentOf("etc/passwd").toString())?.[1];
  assert.ok(admin !== undefined);
  const accepted = lines.filter((line) => line.includes(`Accepted publickey for ${admin} `));
  const logins = records("var/log/wtmp").filter(
    ({ type, user, at }) => type === 7 && user === admin && at >= oldest,
  );
  assert.ok(accepted.length > 1);
  assert.deepEqual(
    logins.map(({ at, host }) => [at, host]),
    // The session begins 0.3 s after the key was accepted.
    accepted.map((line) => [
      Math.floor((Date.parse(line.split(" ")[0] ?? "") + 300) / 1000) * 1000,
      / from (\S+) /.exec(line)?.[1],
    ]),
  );
  const lastlog = contentOf("var/log/lastlog").readInt32LE(1000 * 292) * 1000;
  assert.equal(lastlog, seconds(accepted.at(-1) ?? ""));
  const failed = lines.filter((line) => line.includes("Failed password"));
  const month = Date.UTC(2026, 7, 1);
  assert.equal(records("var/log/btmp").length, failed.filter((line) => seconds(line) >= month).length);
});

test("the last boot is the machine's own, and process ids go on from it", () => {
  const boots = records("var/log/wtmp").filter(({ type }) => type === 2);
  assert.equal(boots.at(-1)?.at, INPUT.booted);
  assert.ok(boots.every(({ host }) => host === INPUT.kernel));
  const last = Number(/\[(\d+)\]/.exec(linesOf("auth.log").at(-1) ?? "")?.[1]);
  const next = pidAfter(INPUT.booted, INPUT.now);
  assert.ok(last > 600 && last <= next && next < 32_768, `${last} ${next}`);
});

test("a machine that was installed today, or is up for longer than that, has a short past", () => {
  const young = pastOf({ ...INPUT, installed: INPUT.now - 2 * 3_600_000 });
  for (const { path, modifiedAt } of young)
    assert.ok(modifiedAt.getTime() <= INPUT.now, `${path} ${modifiedAt.toISOString()}`);
  assert.ok(contentOf("var/log/wtmp", young).length > 0);
});

test("journald's own reader finds the journal whole, and in it what the logs tell of since the machine's start", async (t) => {
  const now = INPUT.booted + 3 * DAY;
  const files = pastOf({ ...INPUT, now });
  const file = files.find(({ path }) => path.endsWith(".journal"));
  assert.ok(file?.content);
  const folder = await mkdtemp(join(tmpdir(), "mitsubako-journal-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "system.journal");
  await writeFile(path, file.content);
  const read = async (...args: string[]) =>
    (await promisify(execFile)("journalctl", ["--file", path, "--no-pager", "--utc", ...args])).stdout;
  await read("--verify");
  const logged = contentOf("var/log/auth.log", files).toString("latin1");
  const messages = (await read("--output", "cat", "--unit", "ssh")).trimEnd().split("\n");
  assert.ok(messages.length > 10);
  assert.equal(messages[0], "Server listening on 0.0.0.0 port 22.");
  for (const message of messages.slice(-5)) assert.ok(logged.includes(message), message);
  assert.match(await read("--lines", "1", "--unit", "cron"), / srv01 CRON\[\d+\]: /);
  assert.equal((await read("--field", "_BOOT_ID")).trim(), INPUT.bootId);
});

test("mail is only where there is somebody who brings it, and tells of the backups of the crontab", () => {
  const none = pastOf({ ...INPUT, hasMail: false });
  assert.deepEqual(
    none.filter(({ path }) => /mail/.test(path)),
    [],
  );
  const box = past.find(({ path }) => path.startsWith("var/mail/"));
  assert.ok(box?.content);
  const name = box.path.split("/").at(-1) ?? "";
  const crontab = contentOf(`var/spool/cron/crontabs/${name}`).toString();
  const subject = /^Subject: Cron <[^>]*> (.*)$/m.exec(Buffer.from(box.content).toString())?.[1] ?? "no";
  assert.ok(crontab.includes(subject), subject);
});

test("what systemd's timers left is of the moments that the log has", () => {
  const stamp = past.find(({ path }) => path.endsWith("/stamp-man-db.timer"));
  assert.ok(stamp);
  const lines = linesOf("syslog").filter((line) => line.includes("Starting man-db.service"));
  assert.equal(Date.parse(lines.at(-1)?.split(" ")[0] ?? ""), stamp.modifiedAt.getTime());
});

test("nobody can come in as those who look after it, and no address of theirs is a stranger's", () => {
  const shadow = contentOf("etc/shadow").toString().trimEnd().split("\n").slice(1);
  assert.match(shadow[0] ?? "", /^[a-z]+:\$y\$j9T\$[./0-9A-Za-z]{22}\$[./0-9A-Za-z]{43}:\d+:0:99999:7:::$/);
  assert.match(shadow[1] ?? "", /^[a-z-]+:!:\d+:0:99999:7:::$/);
  for (const line of linesOf("auth.log").filter((each) => each.includes("Accepted")))
    assert.match(line, / from 10\.\d+\.\d+\.\d+ port /);
});
