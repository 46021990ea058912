import assert from "node:assert/strict";
import { test } from "node:test";
import type { Observation } from "../../gateway/evidence/observation.ts";
import { SessionObserver } from "../../gateway/evidence/session-observer.ts";
import { string } from "../../gateway/ssh/messages/writer.ts";
import { Conversation } from "./conversation.ts";

const PROMPT = "\x1b[?2004hroot@srv:~# ";
const TAKEN = "\r\n\x1b[?2004l\r";
const SECOND = 1_000_000_000n;

function observed(talk: Conversation): Observation[] {
  const observer = new SessionObserver();
  return [...talk.whole().flatMap((entry) => observer.push(entry)), ...observer.end()];
}

function commands(talk: Conversation) {
  return observed(talk).filter((one) => one.kind === "command");
}

function ends(talk: Conversation) {
  return observed(talk).filter((one) => one.kind === "command-ended");
}

function terminal(prompt = PROMPT): [Conversation, number] {
  const talk = new Conversation().login();
  const channel = talk.open();
  return [talk.shell(channel).gets(channel, prompt), channel];
}

test("a command has the time of its Enter, its first line's, and its end", () => {
  const [talk, channel] = terminal();
  talk.after(1000).sends(channel, "cat << E\r").gets(channel, `cat << E${TAKEN}\x1b[?2004h> `);
  talk.after(2000).sends(channel, "E\r").gets(channel, `E${TAKEN}`);
  talk.after(3000).gets(channel, PROMPT);
  const [command] = commands(talk);
  const [end] = ends(talk);
  const began = talk.entries.find(
    (entry) => entry.type === "packet" && entry.payload.includes("cat << E"),
  )?.at;
  assert.ok(command && end && began !== undefined);
  assert.deepEqual(
    [command.text, command.startedAt, command.at - began, end.startedAt, end.at - began],
    ["cat << E\nE", began, 2n * SECOND, began, 5n * SECOND],
  );
});

test("a line that a program read has the time at which it was entered, not only that of the program's end", () => {
  const [talk, channel] = terminal();
  talk.sends(channel, "passwd\r").gets(channel, `passwd${TAKEN}New password: `);
  talk.after(1000).sends(channel, "secret\r").gets(channel, "\r\n");
  talk.after(60_000).gets(channel, PROMPT).exits(channel, 0);
  const entered = talk.entries.find((entry) => entry.type === "packet" && entry.payload.includes("secret"))?.at; // prettier-ignore
  const [typed, ...others] = observed(talk).filter((one) => one.kind === "typed");
  assert.deepEqual([typed?.text, typed?.hidden, typed?.startedAt, others], ["secret", true, entered, []]);
  assert.ok(typed && entered !== undefined && typed.at - entered === 60n * SECOND);
});

test("what the terminal answers to tmux is no part of the first line that is typed in it", () => {
  const answers = [
    "\x1b[>84;0;0c\x1bP>|tmux 3.3a\x1b\\",
    "\x1b]11;rgb:0000/0000/0000\x07",
    "\x1bP1+r5463=787465726d\x1b\\",
  ];
  const [talk, channel] = terminal();
  talk.sends(channel, "tmux\r").gets(channel, `tmux${TAKEN}\x1b[?1049h\x1b[>c\x1b[>q`);
  for (const answer of answers) talk.sends(channel, answer);
  for (const line of ["echo one", "echo two"]) talk.sends(channel, `${line}\r`).gets(channel, `${line}\r\n`);
  assert.deepEqual(commands(talk).map(({ text }) => text), ["tmux", "echo one", "echo two"]); // prettier-ignore
});

test("an exec request's command ends with its channel's status, and begins at home", () => {
  const talk = new Conversation().login();
  const channel = talk.open();
  talk.exec(channel, "uname -a; false").after(500).exits(channel, 1);
  const [command] = commands(talk);
  const [end, ...others] = ends(talk);
  assert.deepEqual(
    [command?.way, command?.number, command?.directory, end?.number, end?.exitStatus, others],
    ["exec", 1, "~", 1, 1, []],
  );
  assert.equal(end && end.at - end.startedAt, SECOND / 2n);
});

test("without a status of the channel, none is made up", () => {
  const talk = new Conversation().login();
  talk.exec(talk.open(), "sleep 100");
  assert.deepEqual(ends(talk), []);
});

test("a shell without a terminal: commands of several lines, and only the last one's end", () => {
  const talk = new Conversation().login();
  const channel = talk.open();
  talk.request(channel, "shell");
  talk.sends(channel, "cd /tmp\nfor i in 1 2\ndo echo $i\n").sends(channel, "done\ncat <<E\nx\nE\nfalse");
  talk.exits(channel, 1);
  assert.deepEqual(
    commands(talk).map(({ text, directory, exact }) => [text, directory, exact]),
    [
      ["cd /tmp", "~", true],
      ["for i in 1 2\ndo echo $i\ndone", undefined, true],
      ["cat <<E\nx\nE", undefined, true],
      ["false", undefined, true],
    ],
  );
  assert.deepEqual(
    ends(talk).map(({ number, exitStatus }) => [number, exitStatus]),
    [[4, 1]],
  );
});

test("a shell without a terminal that was cut off, or ended before, never came to the exit that was sent ahead", () => {
  for (const status of [undefined, 137, 3]) {
    const talk = new Conversation().login();
    const channel = talk.open();
    talk.request(channel, "shell");
    talk.sends(channel, "sleep 100\necho x > f\nexit 3\n");
    if (status !== undefined) talk.exits(channel, status);
    const files = observed(talk).flatMap((one) => (one.kind === "dropped" ? [one.certainty] : []));
    assert.deepEqual(
      [ends(talk).map(({ number, exitStatus }) => [number, exitStatus]), files],
      status === 3 ? [[[3, 3]], ["written"]] : [[], ["typed"]],
      `ended with ${status}`,
    );
  }
});

/** Commands at dash's prompt, what each prints, and the directory of the next. */
const MOVES: readonly (readonly [command: string, printed: string, next: string | undefined])[] = [
  ["cd /var/log", "", "/var/log"],
  ["cd ../lib/./dpkg", "", "/var/lib/dpkg"],
  ["cd -", "/var/log\r\n", "/var/log"],
  ["cd nowhere", "sh: 1: cd: can't cd to nowhere\r\n", "/var/log"],
  ["cd /tmp && mkdir -p x; cd x", "", "/tmp/x"],
  ["(cd /; ls)", "bin\r\n", undefined],
  ["cd ~", "", "~"],
  ["cd ..", "", undefined],
  ["cd", "", "~"],
  ["cd /tmp || cd /var", "", undefined],
  ["cd /", "", "/"],
  ["cd $HOME", "", undefined],
  ["cd '/a b'", "", "/a b"],
  ["sh", "", "/a b"],
  ["cd /opt", "", "/opt"],
  ["exit", "", "/a b"],
  ["su - daemon", "", undefined],
];

test("where prompts do not say it, the directory is followed as far as that can be known", () => {
  const [talk, channel] = terminal("# ");
  for (const [command, printed] of MOVES)
    talk.sends(channel, `${command}\r`).gets(channel, `${command}\r\n${printed}# `);
  talk.sends(channel, "id\r").gets(channel, "id\r\n");
  assert.deepEqual(
    commands(talk)
      .slice(1)
      .map(({ directory }) => directory),
    MOVES.map(([, , next]) => next),
  );
});

/** Commands, what they print, and the exit status that it gives away. */
const SAID: readonly (readonly [command: string, printed: string, status: number | undefined])[] = [
  ["enable-it", "bash: enable-it: command not found", 127],
  ["/bin/x y", "bash: /bin/x: No such file or directory", 127],
  ["./a", "-bash: ./a: Permission denied", 126],
  ["uname; lockr -ia", "bash: lockr: command not found", 127],
  ["lockr -ia; uname", "bash: lockr: command not found", undefined],
  ["nope", "sh: 3: nope: not found", 127],
  ["nope", "zsh: command not found: nope", 127],
  ["cat f", "cat: f: Permission denied", undefined],
  ["ls /x", "ls: cannot access '/x': No such file or directory", undefined],
  ["nope &", "bash: nope: command not found", undefined],
  ["echo bash: nope: command not found", "bash: nope: command not found", undefined],
];

test("exit statuses are those that a shell's own message gives away, and no others", () => {
  const [talk, channel] = terminal();
  for (const [command, printed] of SAID)
    talk.sends(channel, `${command}\r`).gets(channel, `${command}${TAKEN}${printed}\r\n${PROMPT}`);
  assert.deepEqual(
    ends(talk).map(({ exitStatus }) => exitStatus),
    SAID.map(([, , status]) => status),
  );
});

test("bytes of commands come through unchanged, whatever they are", () => {
  const talk = new Conversation().login();
  const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  talk.request(talk.open(), "exec", string(every));
  assert.deepEqual(Buffer.from(commands(talk)[0]?.text ?? "", "latin1"), every);
});

test("a shell that is hung up on does not give its status to the command that ran", () => {
  const [talk, channel] = terminal();
  talk.sends(channel, "sleep 9\r").gets(channel, `sleep 9${TAKEN}`).exits(channel, 129);
  assert.deepEqual(ends(talk), []);
});

test("a shell that is left by ^D gives it to its last command, but not to one before an interrupt", () => {
  for (const [keys, expected] of [
    ["\x04", [undefined, 4]],
    ["\x03\x04", [undefined]],
  ] as const) {
    const [talk, channel] = terminal();
    talk.sends(channel, "false\r").gets(channel, `false${TAKEN}${PROMPT}`);
    for (const key of keys) talk.sends(channel, key).gets(channel, `${TAKEN}${PROMPT}`);
    assert.deepEqual(
      ends(talk.exits(channel, 4)).map(({ exitStatus }) => exitStatus),
      expected,
    );
  }
});
