/** Files that a real shell was told to write: what is told as written is there, with that content, and what is not there is not told as written. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import type { Dropped } from "../../gateway/evidence/observation.ts";
import { SessionObserver } from "../../gateway/evidence/session-observer.ts";
import { buildChannelExtendedData, buildChannelSignal } from "../../gateway/ssh/messages/channel.ts";
import { Conversation } from "./conversation.ts";
import type { Captured } from "./terminals/captured.ts";

const SHELLS = [["bash"], ["dash"]] as const;

/** Told of the file `f`, or of nothing. `w`: written, `t`: typed. */
const COMMANDS: readonly (readonly [command: string, told: "w" | "t" | undefined])[] = [
  ["echo x > f", "w"],
  ["echo x > f; false", "w"],
  ["cd / && cd - > /dev/null; echo x > f", "w"],
  ["mkdir d; echo x > f && chmod 600 f && ls f", "w"],
  ["cat > f <<'E'\nx\nE\n", "w"],
  ["cat > f <<'E' && cat f\nx\nE\n", "w"],
  ["grep -q nothing-like-it /etc/passwd && echo x > f", undefined],
  ["grep -q root /etc/passwd && echo x > f", "w"],
  ["grep -q nothing-like-it /etc/passwd && echo x > f; true", "t"],
  ["grep -q root /etc/passwd && echo x > f; true", "t"],
  ["false && echo x > f", undefined],
  ["false && echo x > f; echo y", undefined],
  ["true || echo x > f", undefined],
  ["cat /etc/passwd > /dev/null || echo x > f", "t"],
  ["cd /nothing 2>/dev/null || cd / ; cd - >/dev/null; echo x > f", "w"],
  ["cd /nothing && cat > f <<E\nx\nE\n", undefined],
  ["cd /nothing && cat > f <<E; echo on\nx\nE\n", "t"],
  ["if [ -e /nothing ]; then echo x > f; fi", "t"],
  ["if [ -e / ]; then echo x > f; fi", "t"],
  ["if [ -e /nothing ]; then cat > f <<E\nx\nE\nfi", "t"],
  ["case a in b) echo x > f;; esac", "t"],
  ["for i in; do echo x > f; done", "t"],
  ["while false; do echo x > f; done", "t"],
  ["plant() { echo x > f; }", "t"],
  ["plant() {\ncat > f <<E\nx\nE\n}\necho made", "t"],
  ["exit 0; echo x > f", "t"],
  ["[ -e / ] && exit; echo x > f", "t"],
  ["exec true; echo x > f", "t"],
  ["set -e; false; echo x > f", "t"],
  ["set +m; unset HISTFILE; echo x > f", "w"],
  ["echo x > f; ./nothing; XYZZY", "w"],
  ["echo aGk= | base64 -d > f", "w"],
  ["nothing-of-that-name -x && echo x > f", undefined],
  ["sh -c 'echo x > f'", "w"],
  ["sh -c 'false && echo x > f'; true", undefined],
  ["false && sh -c 'echo x > f'; true", undefined],
  ["(echo x > f)", "t"],
  ["echo x > f &", "t"],
  ["echo '", undefined],
  ["echo x > f; echo (", "t"],
];

/** To `n/f`, in a folder that is not there; a file is there as `g`. */
const REFUSED: readonly (readonly [command: string, told: "t" | undefined])[] = [
  ["echo x > n/f", undefined],
  ["echo x > n/f; true", undefined],
  ["cat > n/f <<E\nx\nE\necho on", undefined],
  ["mkdir d; cd d; echo x > n/f; echo y", undefined],
  ["exec 2>/dev/null; echo x > n/f; true", "t"],
  ["echo x 2>/dev/null > n/f; true", "t"],
  ["N=n; echo x > $N/f; true", "t"],
  ["echo x >> n/f; echo y >> n/f", undefined],
];

function observed(talk: Conversation): Dropped[] {
  const observer = new SessionObserver();
  const all = [...talk.whole().flatMap((entry) => observer.push(entry)), ...observer.end()];
  return all.filter((one) => one.kind === "dropped");
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "mitsubako-written-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(shell: readonly string[], args: readonly string[], cwd: string, input?: string) {
  const [name = "", ...before] = shell;
  const env = { PATH: process.env["PATH"], HOME: cwd, LANG: "C" };
  const { status, stdout, stderr } = spawnSync(name, [...before, ...args], { cwd, env, input: input ?? "" });
  assert.ok(status !== null);
  return { status, stdout, stderr };
}

/** What is told is there with that content, where it is told as written. */
function agrees(folder: string, files: readonly Dropped[], what: string): void {
  for (const file of files) {
    const path = join(folder, file.path);
    if (file.certainty !== "written") continue;
    assert.ok(existsSync(path), `${what}: ${file.path} was not written`);
    assert.equal(createHash("sha256").update(readFileSync(path)).digest("hex"), file.sha256, what);
  }
}

function asked(shell: readonly string[], command: string): Dropped[] {
  return inFolder((folder) => {
    const { status, stdout, stderr } = run(shell, ["-c", command], folder);
    const talk = new Conversation().login();
    const channel = talk.open();
    talk.exec(channel, command).gets(channel, stdout);
    if (stderr.length > 0) talk.packet("upstream", buildChannelExtendedData(channel, 1, stderr));
    const files = observed(talk.exits(channel, status));
    agrees(folder, files, `${shell.join(" ")}: ${command}`);
    // Nothing that was written goes untold.
    if (existsSync(join(folder, "f")) && statSync(join(folder, "f")).isFile())
      assert.ok(files.some(({ path }) => path === "f"), command); // prettier-ignore
    return files;
  });
}

for (const shell of SHELLS) {
  test(`${shell.join(" ")}, asked: what was not run is not told as written`, () => {
    for (const [command, told] of COMMANDS) {
      const file = asked(shell, command).find(({ path }) => path === "f");
      assert.equal(file?.certainty[0], told, command);
    }
    for (const [command, told] of REFUSED) {
      const file = asked(shell, command).find(({ path }) => path.endsWith("/f"));
      assert.equal(file?.certainty[0], told, command);
    }
  });
}

for (const shell of SHELLS) {
  test(`${shell.join(" ")}, reading lines without a terminal: the same, of commands in any order`, () => {
    const random = dice(20_261_129);
    let written = 0;
    for (let round = 0; round < 60; round++) {
      const lines = Array.from({ length: 6 }, (_, place) => {
        const [command] = COMMANDS[Math.floor(random() * COMMANDS.length)] ?? ["true"];
        return `${command.replace(/> f\b/g, `> f${place}`)}\n`;
      });
      written += inFolder((folder) => {
        const { status, stdout, stderr } = run(shell, [], folder, lines.join(""));
        const talk = new Conversation().login();
        const channel = talk.open();
        talk.request(channel, "shell");
        // All at once, or line by line.
        for (const piece of round % 2 === 0 ? [lines.join("")] : lines) talk.sends(channel, piece);
        talk.packet("downstream", buildChannelSignal("channel-eof", channel)).gets(channel, stdout);
        if (stderr.length > 0) talk.packet("upstream", buildChannelExtendedData(channel, 1, stderr));
        const files = observed(talk.exits(channel, status));
        agrees(folder, files, lines.join(""));
        return files.filter(({ certainty }) => certainty === "written").length;
      });
    }
    assert.ok(written > 60, `${written} were known to be written`);
  });
}

function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Recorded on a terminal; at their end `sha256sum` says what is there. */
const ON_TERMINALS = ["written-bash", "written-dash", "written-ash"] as const;

for (const name of ON_TERMINALS) {
  test(`${name}: on a terminal, what is told as written is there, and what is not is not`, () => {
    const file = join(import.meta.dirname, "terminals", `${name}.json`);
    const { columns, stream } = JSON.parse(readFileSync(file, "utf8")) as Captured;
    const talk = new Conversation().login();
    const channel = talk.open();
    talk.shell(channel, columns);
    for (const [direction, text] of stream) {
      const bytes = Buffer.from(text, "latin1");
      if (direction === "i") talk.sends(channel, bytes);
      else talk.gets(channel, bytes);
    }
    const shown = stream.flatMap(([direction, text]) => (direction === "o" ? [text] : [])).join("");
    const there = new Map(
      [...shown.matchAll(/([0-9a-f]{64}) {2}(\w+)\r/g)].map(([, hash = "", path = ""]) => [path, hash]),
    );
    const files = observed(talk.exits(channel, 0));
    const told = (path: string) => files.find((one) => basename(one.path) === path);
    // Three of them lay there before.
    for (const [path, hash] of there)
      if (!/^(?:alpha-one|alpha-two|notes)$/.test(path)) assert.equal(told(path)?.sha256, hash, path);
    for (const one of files)
      if (one.certainty === "written") assert.equal(there.get(basename(one.path)), one.sha256, one.path);
    const by = (certainty: string) => files.flatMap((one) => (one.certainty === certainty ? [one.path] : []));
    assert.deepEqual(by("written").toSorted(), ["../joined", "asked", "first", "here", "plain"]);
    assert.deepEqual(by("typed").toSorted(), ["never", "other", "refused", "silent", "silently", "within"]);
  });
}
