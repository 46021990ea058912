import assert from "node:assert/strict";
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import type { ByteString } from "../../gateway/model/bytes.ts";
import { ServiceFiles } from "../../gateway/sandbox/service-files.ts";

const AUTH = "/var/log/auth.log" as ByteString;
const LINE =
  "2026-11-29T19:38:06.208980+00:00 srv01 sshd[9]: Accepted password for root from 192.0.2.7 port 4 ssh2\n";

/** A layer with one file that was handed over, and whether it counts as grown after something was done to it. */
function handOver(t: TestContext, path: ByteString, content: Buffer | string) {
  const upper = mkdtempSync(join(tmpdir(), "mitsubako-service-files-"));
  t.after(() => {
    rmSync(upper, { recursive: true });
  });
  const file = join(upper, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  const services = new ServiceFiles({ upper, lowers: [], merged: undefined }, [path], [], "srv01");
  return {
    file,
    isGrown: () => services.isGrown(path, lstatSync(file, { bigint: true })),
    isNote: () => services.isNote(path, lstatSync(file, { bigint: true }), process.getuid?.() ?? 0),
    isGreeting: () => services.isGreeting(path, lstatSync(file, { bigint: true }), process.getuid?.() ?? 0),
  };
}

function record(type: number, user: string, at: number): Buffer {
  const bytes = Buffer.alloc(384);
  bytes.writeInt16LE(type, 0);
  bytes.write(user, 44, "latin1");
  bytes.writeInt32LE(at, 340);
  return bytes;
}

test("a log that its service went on writing is no news", async (t) => {
  const { file, isGrown } = handOver(t, AUTH, LINE);
  appendFileSync(file, LINE.repeat(3));
  assert.equal(await isGrown(), true);
  appendFileSync(file, LINE);
  assert.equal(await isGrown(), true);
});

test("a log that was cut, changed or written to by hand is", async (t) => {
  const damages: readonly ((file: string) => void)[] = [
    (file) => {
      truncateSync(file, 0);
    },
    (file) => {
      writeFileSync(file, LINE);
    },
    (file) => {
      writeFileSync(file, LINE.replace("192.0.2.7", "192.0.2.8") + LINE.repeat(3));
    },
    (file) => {
      appendFileSync(file, `${LINE}owned\n`);
    },
    (file) => {
      appendFileSync(file, Buffer.from("7f454c4602010100", "hex"));
    },
    (file) => {
      appendFileSync(file, `${LINE.trimEnd()}\0\n`);
    },
    // What was handed over and nothing else: whatever came since was taken out.
    (file) => {
      writeFileSync(file, LINE.repeat(2));
    },
  ];
  for (const damage of damages) {
    const { file, isGrown } = handOver(t, AUTH, LINE.repeat(2));
    damage(file);
    assert.equal(await isGrown(), false, damage.toString());
  }
});

test("what was seen once cannot be taken out later", async (t) => {
  const { file, isGrown } = handOver(t, AUTH, LINE);
  appendFileSync(file, LINE.replace("root", "deploy") + LINE);
  assert.equal(await isGrown(), true);
  writeFileSync(file, LINE.repeat(4));
  assert.equal(await isGrown(), false);
});

test("records of logins grow, and are not emptied", async (t) => {
  const wtmp = handOver(t, "/var/log/wtmp" as ByteString, record(2, "reboot", 5));
  appendFileSync(wtmp.file, record(7, "root", 9));
  assert.equal(await wtmp.isGrown(), true);
  appendFileSync(wtmp.file, record(0, "", 0));
  assert.equal(await wtmp.isGrown(), false);
  const utmp = handOver(t, "/run/utmp" as ByteString, record(2, "reboot", 5));
  writeFileSync(utmp.file, Buffer.concat([record(2, "reboot", 5), record(8, "", 10)]));
  assert.equal(await utmp.isGrown(), true);
  writeFileSync(utmp.file, Buffer.concat([record(2, "reboot", 5), Buffer.alloc(384)]));
  assert.equal(await utmp.isGrown(), false);
  writeFileSync(utmp.file, "no record");
  assert.equal(await utmp.isGrown(), false);
});

test("records hold text and nothing where nothing belongs, or they are not a service's", async (t) => {
  for (const [path, type] of [
    ["/var/log/wtmp", 7],
    ["/var/log/btmp", 6],
    ["/run/utmp", 7],
  ] as const) {
    const spoilt = (at: number, bytes: string) => {
      const one = record(type, "root", 9);
      one.write(bytes, at, "latin1");
      return one;
    };
    const { file, isGrown } = handOver(t, path as ByteString, record(2, "reboot", 5));
    for (const [what, bytes] of [
      ["filled", Buffer.concat(Array<Buffer>(1000).fill(record(type, "", 9).fill(0xcc, 2, 340)))],
      ["line", spoilt(8, "pts\x01")],
      ["behind the line's end", spoilt(20, "x\0x")],
      ["id", spoilt(40, "\xff")],
      ["user", spoilt(44, "ro\0t")],
      ["host", spoilt(76, "\x7fELF")],
      ["padding", spoilt(2, "x")],
      ["process", spoilt(4, "\xcc\xcc\xcc\xcc")],
      ["microseconds", spoilt(344, "\xcc\xcc\xcc\xcc")],
      ["unused", spoilt(383, "x")],
    ] as const) {
      writeFileSync(file, Buffer.concat([record(2, "reboot", 5), bytes]));
      assert.equal(await isGrown(), false, `${path}: ${what}`);
    }
    writeFileSync(file, Buffer.concat([record(2, "reboot", 5), spoilt(76, "192.0.2.7")]));
    assert.equal(await isGrown(), true, path);
  }
});

test("the time of a last login goes on, never back", async (t) => {
  const login = (at: number) => {
    const bytes = Buffer.alloc(292);
    bytes.writeInt32LE(at, 0);
    bytes.write(at > 0 ? "pts/0" : "", 4, "latin1");
    return bytes;
  };
  const { file, isGrown } = handOver(t, "/var/log/lastlog" as ByteString, login(50));
  writeFileSync(file, Buffer.concat([login(60), login(0), login(61)]));
  assert.equal(await isGrown(), true);
  const payload = login(60).fill(0xcc, 36);
  for (const content of [login(0), login(40), login(50), payload]) {
    writeFileSync(file, content);
    assert.equal(await isGrown(), false);
  }
});

test("a journal is the same as long as its numbers go on without a gap", async (t) => {
  const head = (count: number, last: number, id = 1) => {
    const bytes = Buffer.alloc(4096);
    bytes.write("LPKSHHRH", 0, "latin1");
    bytes.writeUInt8(id, 24);
    bytes.writeBigUInt64LE(BigInt(count), 152);
    bytes.writeBigUInt64LE(BigInt(last), 160);
    bytes.writeBigUInt64LE(BigInt(10), 168);
    return bytes;
  };
  const path = `/run/log/journal/${"0".repeat(32)}/system.journal` as ByteString;
  const { file, isGrown } = handOver(t, path, head(2, 11));
  writeFileSync(file, head(5, 14));
  assert.equal(await isGrown(), true);
  for (const content of [head(1, 10), head(4, 14), head(5, 14, 2), Buffer.from("x")]) {
    writeFileSync(file, content);
    assert.equal(await isGrown(), false);
  }
});

test("of a large file nothing is judged, and of a journal the head alone", async (t) => {
  const log = handOver(t, AUTH, LINE);
  writeFileSync(log.file, LINE.repeat(Math.floor((512 * 1024) / LINE.length)));
  assert.equal(await log.isGrown(), true);
  appendFileSync(log.file, LINE);
  assert.equal(await log.isGrown(), false);

  const head = Buffer.alloc(184);
  head.write("LPKSHHRH", 0, "latin1");
  const path = `/run/log/journal/${"0".repeat(32)}/system.journal` as ByteString;
  const journal = handOver(t, path, head);
  truncateSync(journal.file, 2 ** 20);
  assert.equal(await journal.isGrown(), true);
  truncateSync(journal.file, 2 ** 20 + 1);
  assert.equal(await journal.isGrown(), false);
});

test("others have their turns while a log is judged", async (t) => {
  const { file, isGrown } = handOver(t, AUTH, LINE);
  appendFileSync(file, LINE.repeat(4000));
  let turns = 0;
  let timer = setImmediate(function count() {
    turns++;
    timer = setImmediate(count);
  });
  assert.equal(await isGrown(), true);
  clearImmediate(timer);
  // 412,000 bytes: four pieces to read, six to judge.
  assert.ok(turns >= 8, `${turns} turns`);
});

test("a line as long as the file is no line", async (t) => {
  const { file, isGrown } = handOver(t, AUTH, LINE);
  appendFileSync(file, `${LINE.trimEnd()}${"x".repeat(40_000)}\n`);
  assert.equal(await isGrown(), false);
});

test("journald's notes are its own as long as they are notes", (t) => {
  const note = "# This is private data. Do not parse\nPRIORITY=6\nIDENTIFIER=org.freedesktop.timedate1\n";
  for (const [content, isNote] of [
    [note, true],
    [`${note}#!/bin/sh\n`, false],
    ["# This is private data. Do not parse\nA=b /tmp/x\n", false],
    [`${note}IDENTIFIER=b /tmp/x\n`, false],
    [`${note}IDENTIFIER=/tmp/x\n`, false],
    [`${note}UNIT=cron.service\nSTREAM_ID=${"0f".repeat(16)}\nFORWARD_TO_KMSG=0\n`, true],
    ["", false],
    [note + "PRIORITY=6\n".repeat(300), false],
  ] as const) {
    const { file, isNote: seen } = handOver(t, "/run/systemd/journal/streams/9:17" as ByteString, content);
    assert.equal(seen(), isNote, file);
  }
});

test("there are as many notes as there are services, not more", (t) => {
  const upper = mkdtempSync(join(tmpdir(), "mitsubako-service-files-"));
  t.after(() => {
    rmSync(upper, { recursive: true });
  });
  const services = new ServiceFiles({ upper, lowers: [], merged: undefined }, [], [], "srv01");
  const isNote = (number: number) => {
    const path = `/run/systemd/journal/streams/9:${number}` as ByteString;
    mkdirSync(dirname(join(upper, path)), { recursive: true });
    writeFileSync(join(upper, path), "# This is private data. Do not parse\nPRIORITY=6\n");
    return services.isNote(path, lstatSync(join(upper, path), { bigint: true }), process.getuid?.() ?? 0);
  };
  const notes = Array.from({ length: 20 }, (_, number) => isNote(number));
  assert.equal(notes.filter(Boolean).length, 16);
  assert.equal(isNote(0), true);
  assert.equal(isNote(19), false);
});

test("no other file is a service's, and no other greeting", async (t) => {
  const other = handOver(t, "/etc/crontab" as ByteString, LINE);
  appendFileSync(other.file, LINE);
  assert.equal(await other.isGrown(), false);
  const greeting = handOver(t, "/run/motd.dynamic" as ByteString, "Linux srv01 pwned\n");
  assert.equal(greeting.isGreeting(), false);
});
