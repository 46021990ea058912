/**
 * Makes the recordings of shells in this folder again: `node test/evidence/terminals/capture.ts [NAME...]`. Each scenario is typed into
 * a real shell on a terminal (by script of util-linux); what passed is written down, and beside it what bash itself says that it ran,
 * which PS0 and PROMPT_COMMAND write to a file without a byte on the terminal. Needs bash, dash, busybox, python3, nano, less, vim, su,
 * tmux and screen. Commands are of this machine and harmless.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Captured, Ran } from "./captured.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";

const HOME = "/tmp/mbk-home";
const QUIET = 140;
/** After a key. */
const KEY_QUIET = 50;
const asked = process.argv.slice(2);

for (const scenario of SCENARIOS) {
  if (asked.length > 0 && !asked.includes(scenario.name)) continue;
  const captured = await capture(scenario);
  writeFileSync(join(import.meta.dirname, `${scenario.name}.json`), formatted(captured));
  process.stdout.write(
    `${scenario.name}: ${captured.ran.length} commands, ${captured.stream.length} pieces\n`,
  );
}

async function capture(scenario: Scenario): Promise<Captured> {
  rmSync(HOME, { recursive: true, force: true });
  mkdirSync(join(HOME, "sub dir"), { recursive: true });
  const log = join(mkdtempSync("/tmp/mbk-log-"), "log");
  writeFileSync(log, "");
  writeFileSync(join(HOME, "notes.txt"), "one\ntwo\nthree\n");
  writeFileSync(join(HOME, "alpha-one"), "");
  writeFileSync(join(HOME, "alpha-two"), "");
  writeFileSync(join(HOME, ".bashrc"), bashrc(log));
  const { columns = 80, shell = "bash", term = "xterm-256color", environment = {} } = scenario;
  const child = spawn(
    "unshare",
    [
      "-u",
      "sh",
      "-c",
      'hostname srv; exec script "$@"',
      "sh",
      "-q",
      "-f",
      "-e",
      "-c",
      `stty cols ${columns} rows 24; tty > ${log}.tty; exec ${shell}`,
      "/dev/null",
    ],
    {
      cwd: HOME,
      env: {
        PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
        HOME,
        TERM: term,
        LANG: "C.UTF-8",
        SHELL: "/bin/sh",
        ...environment,
      },
      stdio: ["pipe", "pipe", "ignore"],
    },
  );
  const ended = once(child, "exit");
  const stream: [string, string][] = [];
  let lastOutput = Date.now();
  let open = true;
  child.stdout.on("data", (bytes: Buffer) => {
    lastOutput = Date.now();
    const last = stream.at(-1);
    if (last?.[0] === "o") last[1] += bytes.toString("latin1");
    else stream.push(["o", bytes.toString("latin1")]);
  });
  child.once("exit", () => (open = false));
  const quiet = async (milliseconds = QUIET) => {
    do await sleep(20);
    while (open && Date.now() - lastOutput < milliseconds);
  };
  const send = (text: string) => {
    stream.push(["i", text]);
    child.stdin.write(Buffer.from(text, "latin1"));
    lastOutput = Date.now();
  };
  await quiet(500);
  for (const [how, what] of scenario.steps) {
    if (how === "keys") {
      // eslint-disable-next-line no-control-regex -- keys that send an escape sequence
      for (const key of what.match(/\u001b(?:\[[0-9;?]*[@-~]|O.|.)|[^]/gu) ?? []) {
        send(Buffer.from(key, "utf8").toString("latin1"));
        await quiet(KEY_QUIET);
      }
    } else if (how === "send") send(Buffer.from(what, "utf8").toString("latin1"));
    else if (how === "pause") await sleep(Number(what));
    else {
      spawnSync("stty", ["-F", readFileSync(`${log}.tty`, "utf8").trim(), "cols", what]);
      stream.push(["s", what]);
      lastOutput = Date.now();
    }
    await quiet();
  }
  child.stdin.end();
  await Promise.race([ended, sleep(3000)]);
  child.kill("SIGKILL");
  const said = ranOf(readFileSync(log));
  return { name: scenario.name, columns, stream, ran: scenario.ran?.map((text) => ({ text })) ?? said };
}

/** What bash writes down of each command: the directory it was given in, its text, and then its status. */
function bashrc(log: string): string {
  return `shopt -s lithist cmdhist; unset HISTCONTROL HISTTIMEFORMAT; HISTSIZE=5000 HISTFILE=
PS1='\\[\\e]0;root@srv: \\w\\a\\]root@srv:\\w# '
PS0='$(printf "ran\\0%s\\0%s\\0" "$PWD" "$(history 1)" >> ${log})'
PROMPT_COMMAND='printf "status\\0%s\\0" "$?" >> ${log}'
alias ll='ls -l'
`;
}

function ranOf(bytes: Buffer): Ran[] {
  const fields = bytes.toString("latin1").split("\0");
  const ran: { text: string; directory: string; status?: number }[] = [];
  for (let at = 0; at < fields.length - 1;) {
    if (fields[at] === "ran") {
      const text = (fields[at + 2] ?? "").replace(/^ *\d+[* ] /, "");
      ran.push({ text, directory: (fields[at + 1] ?? "").replace(HOME, "~") });
      at += 3;
    } else {
      const last = ran.at(-1);
      if (last !== undefined && last.status === undefined) last.status = Number(fields[at + 1]);
      at += 2;
    }
  }
  return ran;
}

function formatted({ name, columns, stream, ran }: Captured): string {
  const lines = (list: readonly unknown[]) =>
    list.map((one) => `    ${ascii(JSON.stringify(one))}`).join(",\n");
  return `{\n  "name": "${name}",\n  "columns": ${columns},\n  "ran": [\n${lines(ran)}\n  ],\n  "stream": [\n${lines(stream)}\n  ]\n}\n`;
}

function ascii(text: string): string {
  return text.replace(/[\x7f-\xff]/g, (one) => `\\u00${one.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
