import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import type { PlayOptions } from "../../gateway/replay/play-options.ts";
import { ownFolder } from "../recording/sample.ts";

const GOLDENS = join(import.meta.dirname, "../goldens/recordings");
const PROGRAM = join(import.meta.dirname, "play-program.ts");
const run = promisify(execFile);

const golden = (name: string) => join(GOLDENS, `${name}.mbr`);

/** Output of the golden shell as it was sent, and as the guard lets it through. */
const SHELL_OUTPUT =
  "\x1b[01;32madmin@srv01\x1b[00m:\x1b[01;34m~\x1b[00m$ ls\r\n\xe8\x9c\x9c.txt  caf\xe9\r\n" +
  "\x1b[?1049h\x1b[2J\x1b[6n\x1b[c\x1b]52;c;cm0=\x07\x1bP+q544e\x1b\\full\x1b[?1049lexit\r\nlogout\r\n";
const SHELL_GUARDED = SHELL_OUTPUT.replace("\x1b[6n\x1b[c\x1b]52;c;cm0=\x07\x1bP+q544e\x1b\\", "");

/** Runs it with pipes; latin-1, so that bytes can be compared. */
function play(options: PlayOptions) {
  const result = spawnSync(process.execPath, [PROGRAM, JSON.stringify(options)], {
    encoding: "latin1",
    timeout: 60_000,
  });
  return { stdout: result.stdout, stderr: result.stderr, status: result.status };
}

/** What reaches a terminal of script(1)'s, to the byte, and how long it took. */
async function playOnTerminal(folder: string, options: PlayOptions, keys = "") {
  const log = join(folder, "typescript");
  const command = `stty rows 30 cols 90; exec '${process.execPath}' '${PROGRAM}' '${JSON.stringify(options)}'`;
  const started = performance.now();
  const child = run("script", ["-q", "-e", "-f", "-c", command, log], {
    timeout: 60_000,
    env: { ...process.env, SHELL: "/bin/sh", LC_ALL: "C.UTF-8" },
  });
  if (keys === "") child.child.stdin?.end();
  else child.child.stdin?.write(keys);
  await child;
  // Its own first and last line.
  const text = readFileSync(log, "latin1").replace(/^Script started.*\n/, "");
  return {
    text: text.replace(/\n?Script done.*\n$/, ""),
    seconds: (performance.now() - started) / 1000,
  };
}

test("--raw gives the chosen channel's output to the byte", () => {
  assert.deepEqual(play({ session: golden("v1-shell"), raw: true }), {
    stdout: SHELL_OUTPUT,
    stderr: "",
    status: 0,
  });
  assert.deepEqual(play({ session: golden("v1-exec"), raw: true, channel: 1 }), {
    stdout: "Linux srv01 6.1.0-28-amd64\n",
    stderr: "2\n",
    status: 0,
  });
});

test("without --raw a file or pipe gets what a terminal would, guarded, without the end's restoring", () => {
  const { stdout, status } = play({ session: golden("v1-shell"), speed: 1000 });
  assert.equal(stdout, SHELL_GUARDED);
  assert.equal(status, 0);
});

test("on a terminal without a row of ours the golden shell plays to the byte, and a different size is said beforehand", async (t) => {
  const options = { session: golden("v1-shell"), speed: 1000, status: false };
  const { text } = await playOnTerminal(ownFolder(t), options);
  assert.equal(
    text,
    "The recorded terminal was 80x24, yours is 90x30: things may stand in other places. --resize asks yours to follow.\r\n" +
      SHELL_GUARDED,
  );
});

test("with --resize the terminal is asked to follow", async (t) => {
  const options = { session: golden("v1-shell"), speed: 1000, resize: true, status: false };
  const { text } = await playOnTerminal(ownFolder(t), options);
  const asked = "\x1b[8;40;120t";
  assert.equal(text, `\x1b[8;24;80t${SHELL_GUARDED.replace("\x1b[?1049h", `${asked}\x1b[?1049h`)}`);
});

test("a cut recording plays to where it was cut, and the terminal is given back as it was", async (t) => {
  const { text } = await playOnTerminal(ownFolder(t), {
    session: golden("v1-cut"),
    speed: 1000,
    resize: true,
  });
  assert.match(text, /admin@srv01/);
  assert.match(text, /The recording was cut off here: the session did not end in order\.\r\n$/);
  const folder = ownFolder(t);
  const settings = join(folder, "settings");
  const command = `stty -a > ${settings}.before; '${process.execPath}' '${PROGRAM}' '${JSON.stringify({ session: golden("v1-shell"), speed: 1000 })}'; stty -a > ${settings}.after`;
  execFileSync("script", ["-q", "-c", command, join(folder, "log")], { timeout: 60_000, stdio: "ignore" });
  assert.equal(readFileSync(`${settings}.after`, "utf8"), readFileSync(`${settings}.before`, "utf8"));
});

test("without a terminal everything that was started is played in turn, each under its heading", () => {
  const { stdout, status } = play({ session: golden("v1-exec"), speed: 1000 });
  assert.equal(
    stdout,
    "--- channel 1, exec: uname -a; nproc >&2, exit 0, 29 bytes of output\n" +
      "Linux srv01 6.1.0-28-amd64\n2\n" +
      "--- channel 2, exec: cat > /tmp/.x, killed by KILL, 0 bytes of output\n",
  );
  assert.equal(status, 0);
});

test("it takes the time that it took, less what speed and idle limit take off", async (t) => {
  const folder = ownFolder(t);
  const session = golden("v1-shell");
  // 180 to 65,002 ms: pauses of 0.72, 0.12, 4.0 and 60 s, and short ones.
  const limited = await playOnTerminal(folder, { session, idleLimit: 0.3 });
  assert.ok(limited.seconds > 1.0 && limited.seconds < 50, `${limited.seconds} s`);
  const fast = await playOnTerminal(folder, { session, speed: 40 });
  assert.ok(fast.seconds > 1.6 && fast.seconds < 50, `${fast.seconds} s`);
});

test("keys: q ends, space stops the clock and . steps", async (t) => {
  const session = golden("v1-shell");
  const quit = await playOnTerminal(ownFolder(t), { session }, "q");
  assert.ok(quit.seconds < 50 && !quit.text.includes("logout"));
  // Stopped before the first pause ends; 30 steps are more than there are events.
  const stepped = await playOnTerminal(ownFolder(t), { session, resize: true }, ` ${".".repeat(30)}`);
  assert.ok(stepped.seconds < 50, `${stepped.seconds} s`);
  assert.match(stepped.text, /logout\r\n$/);
});

test("a damaged recording plays up to the damage, says where it is, and exits 1", (t) => {
  const bytes = readFileSync(golden("v1-shell"));
  const at = bytes.indexOf("full");
  bytes[at] = 0x46;
  const path = join(ownFolder(t), "damaged.mbr");
  writeFileSync(path, bytes);
  const { stdout, stderr, status } = play({ session: path, speed: 1000 });
  assert.equal(stdout, SHELL_GUARDED.slice(0, SHELL_GUARDED.indexOf("\x1b[?1049h")));
  assert.match(stderr, /is damaged at byte \d+: .*What stands before that was played/);
  assert.equal(status, 1);
});

test("--from leaves out what was before, as a time of the session, a share or a time of day", () => {
  const rest = SHELL_GUARDED.slice(SHELL_GUARDED.indexOf("\x1b[?1049h"));
  for (const from of ["0:05", "5%", "02:15:42Z", "2026-11-23T02:15:42.223Z"])
    assert.equal(play({ session: golden("v1-shell"), speed: 1000, from }).stdout, rest, from);
  assert.equal(play({ session: golden("v1-shell"), raw: true, from: "50" }).stdout, "exit\r\nlogout\r\n");
});

test("on a terminal, damage and what was seen before it are told when the screen is given back", async (t) => {
  const folder = ownFolder(t);
  const bytes = readFileSync(golden("v1-shell"));
  bytes[bytes.indexOf("full")] = 0x46;
  const session = join(folder, "damaged.mbr");
  writeFileSync(session, bytes);
  await assert.rejects(
    playOnTerminal(folder, { session, speed: 1000 }),
    (error: Error & { stdout?: string }) => {
      const [, left = ""] = (error.stdout ?? "").split("\x1b[?1049l");
      assert.match(left, /admin@srv01[^]*caf[^]*is damaged at byte \d+: .*\r\n$/);
      return true;
    },
  );
});

test("whoever stops reading ends it", () => {
  const command = `'${process.execPath}' '${PROGRAM}' '${JSON.stringify({ session: golden("v1-shell") })}' | head -c 5`;
  assert.equal(execFileSync("sh", ["-c", command], { encoding: "latin1", timeout: 60_000 }), "\x1b[01;");
});

test("calls that cannot be answered are refused with what would be", () => {
  const refused = (options: PlayOptions) => {
    const { stderr, status } = play(options);
    assert.equal(status, 1);
    return stderr;
  };
  assert.match(refused({ session: golden("v1-exec"), raw: true }), /has several/);
  assert.match(refused({ session: golden("v1-exec"), channel: 9 }), /no channel 9/);
  assert.match(refused({ session: golden("v1-refused") }), /Nothing was started/);
  assert.match(refused({ session: golden("v1-shell"), speed: 0 }), /--speed takes/);
  assert.match(refused({ session: golden("v1-shell"), idleLimit: -1 }), /--idle-limit takes/);
  assert.match(refused({ session: golden("v1-shell"), from: "soon" }), /--from does not take "soon"/);
  assert.match(refused({ session: "no-such-id" }), /no session no-such-id/);
});
