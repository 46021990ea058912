/** What the running kernel tells of programs that are run in a process namespace, whatever they are. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { MOST_ARGUMENT_BYTES, MOST_ARGUMENTS } from "../../gateway/model/process-facts.ts";
import { buildStatic } from "../../gateway/warden/static-program.ts";
import { eventually, Lab } from "./lab.ts";

let lab: Lab;
before(async () => {
  lab = await Lab.start();
});
after(() => lab[Symbol.asyncDispose]());
beforeEach(() => {
  lab.said.length = 0;
});

/** A line for the shell that has Python run a program. */
function python(program: string): string {
  return `/usr/bin/python3 -I -c '${program}'`;
}

const latin1 = (text: string) => Buffer.from(text).toString("latin1");

test("path, arguments, parent, user, result and end of what a shell runs", async () => {
  await lab.run("/bin/sh -c '/bin/ls /no-such-folder; exit 7' 2>&-");
  const [shell, ls] = lab.runs;
  assert.deepEqual(shell?.argv, ["/bin/sh", "-c", "/bin/ls /no-such-folder; exit 7"]);
  assert.deepEqual([ls?.path, ls?.argv], ["/bin/ls", ["/bin/ls", "/no-such-folder"]]);
  assert.equal(ls?.parent, shell.pid);
  assert.equal(shell.uid, 0);
  assert.ok(Math.abs(shell.time / 1000 - Date.now()) < 60_000);
  const ends = new Map(lab.facts.flatMap((fact) => ("ended" in fact ? [[fact.pid, fact.ended]] : [])));
  assert.equal(ends.get(ls.pid)?.status, 2);
  assert.equal(ends.get(shell.pid)?.status, 7);
});

test("arguments that would pass for other things are what they are, byte for byte", async () => {
  const hostile = [
    "line\nbreak",
    "\x1b[2J\x07",
    "sh-1 [000] ..... 7.2: sched_process_exec: filename=/bin/innocent pid=1 old_pid=1",
    '"}\n{"kind":"process"}',
    "",
  ];
  const words = hostile.map(
    (one) => `$(printf '%b.' '${[...Buffer.from(one)].map((byte) => `\\0${byte.toString(8)}`).join("")}')`,
  );
  await lab.run(`/bin/true ${words.map((word) => `"${word}"`).join(" ")} "$(printf '\\377\\376')"`);
  const run = lab.runs.find(({ argv }) => argv.length > 3);
  assert.deepEqual(run?.argv, ["/bin/true", ...hostile.map((one) => latin1(`${one}.`)), "\xff\xfe"]);
});

test("an argument of 128 KiB and ten thousand arguments are cut, and it is said by how much", async () => {
  await lab.run(python('import os; os.spawnv(os.P_WAIT, "/bin/true", ["true", "x" * 131000, "y"])'));
  await lab.run(python('import os; os.spawnv(os.P_WAIT, "/bin/true", ["true"] + ["z"] * 10000)'));
  const [large, many] = lab.runs.filter(({ argv }) => argv[0] === "true");
  assert.deepEqual(large?.argv, ["true", "x".repeat(MOST_ARGUMENT_BYTES - "true\0".length)]);
  assert.equal(large.argvLeftOut, "true\0".length + 131_000 + "\0y\0".length - MOST_ARGUMENT_BYTES);
  assert.equal(many?.argv.length, MOST_ARGUMENTS);
  assert.equal(many.argvLeftOut, "z\0".length * (10_001 - MOST_ARGUMENTS));
});

test("scripts, files without a name, by descriptor, in the place of another, from a thread", async () => {
  await lab.run(
    'printf "#!/bin/sh\\n/bin/true from-script\\n" > /tmp/.watch-$$; chmod +x /tmp/.watch-$$; /tmp/.watch-$$ one; rm /tmp/.watch-$$',
  );
  const script = lab.runs.find(({ path }) => path.startsWith("/tmp/.watch-"));
  assert.deepEqual(script?.argv.toSpliced(1, 1), ["/bin/sh", "one"]);
  assert.equal(lab.runs.find(({ argv }) => argv[1] === "from-script")?.parent, script.pid);

  lab.said.length = 0;
  await lab.run(
    python(
      [
        "import os, threading",
        'fd = os.memfd_create("miner", 0)',
        'os.write(fd, open("/bin/true", "rb").read())',
        'os.fork() or os.execve(fd, ["[kworker]", "mined"], {})',
        "os.wait()",
        'os.fork() or os.execve(os.open("/bin/true", 0), ["by-descriptor"], {})',
        "os.wait()",
        'threading.Thread(target=lambda: os.execv("/bin/true", ["from-thread"])).start()',
      ].join("\n"),
    ),
  );
  const named = (name: string) => lab.runs.find(({ argv }) => argv[0] === name);
  assert.match(named("[kworker]")?.path ?? "", /^\/dev\/fd\/\d+$/);
  assert.deepEqual(named("[kworker]")?.argv, ["[kworker]", "mined"]);
  assert.match(named("by-descriptor")?.path ?? "", /^\/dev\/fd\/\d+$/);
  const python3 = lab.runs.find(({ path }) => path === "/usr/bin/python3");
  assert.equal(named("from-thread")?.pid, python3?.pid, "it is the process that ran the program");
});

test("a program that is not there, or must not be run, with its error and its arguments", async () => {
  await lab.run(python('import os\ntry: os.execv("/no/such", ["no", "one\\ntwo"])\nexcept OSError: pass'));
  await lab.run(python('import os\ntry: os.execv("/etc/passwd", ["passwd"])\nexcept OSError: pass'));
  const failed = lab.runs.filter(({ errno }) => errno !== undefined);
  assert.deepEqual(
    failed.map(({ path, argv, errno }) => [path, argv, errno]),
    [
      ["/no/such", ["no", "one\ntwo"], 2],
      ["/etc/passwd", ["passwd"], 13],
    ],
  );
});

test("who became somebody else is told as that", async () => {
  await lab.run(python('import os; os.setuid(65534); os.execv("/bin/true", ["as-nobody"])'));
  assert.equal(lab.runs.find(({ argv }) => argv[0] === "as-nobody")?.uid, 65_534);
});

test("a signal's number is the end of what it ended", async () => {
  await lab.run("/bin/sh -c 'kill -9 $$'");
  const [shell] = lab.runs;
  const ends = lab.facts.flatMap((fact) => ("ended" in fact && fact.pid === shell?.pid ? [fact.ended] : []));
  assert.equal(ends[0]?.signal, 9);
});

test("connects by IPv4, IPv6 and Unix sockets, with what came of them", async () => {
  await lab.run(
    python(
      [
        "import socket as s",
        "def go(family, to, kind=s.SOCK_STREAM):",
        "  try: s.socket(family, kind).connect(to)",
        "  except OSError: pass",
        'go(s.AF_INET, ("127.0.0.1", 9))',
        'go(s.AF_INET6, ("::1", 9))',
        'go(s.AF_INET, ("127.0.0.1", 53), s.SOCK_DGRAM)',
        'go(s.AF_UNIX, "/no/such/\\nsocket")',
        'go(s.AF_UNIX, "\\0hidden")',
      ].join("\n"),
    ),
  );
  assert.deepEqual(
    lab.connects.filter(({ pid }) => pid === lab.runs[0]?.pid).map(({ to, errno }) => [to, errno]),
    [
      [{ family: "inet", address: "127.0.0.1", port: 9 }, 111],
      [{ family: "inet6", address: "::1", port: 9 }, 111],
      [{ family: "inet", address: "127.0.0.1", port: 53 }, undefined],
      [{ family: "unix", path: "/no/such/\nsocket" }, 2],
      [{ family: "unix", path: "\0hidden" }, 111],
    ],
  );
});

test("a connect and a failed exec by the 32-bit way into the kernel", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mitsubako-test-compat-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const program = await buildStatic(join(import.meta.dirname, "compat.c"), folder);
  await lab.run(program);
  assert.deepEqual(
    lab.connects.map(({ to, errno }) => [to, errno]),
    [[{ family: "inet", address: "127.0.0.1", port: 9 }, 111]],
  );
  const failed = lab.runs.find(({ errno }) => errno !== undefined);
  assert.deepEqual([failed?.path, failed?.argv], ["/no/such/compat", ["compat", "argument"]]);
});

test("what puts the programs into the kernel has a user of its own and one right, that to its table", () => {
  const status = readFileSync(`/proc/${lab.tapPid}/status`, "utf8");
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "missing";
  assert.equal(new Set(field("Uid").split(/\s+/)).size, 1);
  assert.ok(Number(field("Uid").split(/\s+/)[0]) >= 1_900_000_000);
  assert.equal(field("NoNewPrivs"), "1");
  for (const set of ["CapEff", "CapPrm"])
    assert.equal(field(set), "0000008000000000", `${set}: CAP_BPF alone`);
  for (const set of ["CapInh", "CapAmb"]) assert.equal(field(set), "0000000000000000", set);
});

test("of short processes, as many as a shell can start, not one in a hundred is missed", async () => {
  const wanted = 2000;
  const before = lab.executed;
  await lab.run(`i=0; while [ $i -lt ${wanted} ]; do /bin/true short; i=$((i+1)); done`);
  assert.ok(lab.executed - before >= wanted * 0.99, `${lab.executed - before} of ${wanted} were seen`);
  const told = () => lab.runs.filter(({ argv }) => argv[1] === "short").length;
  const counted = () => lab.facts.reduce((sum, fact) => sum + (fact.did === "more" ? fact.runs : 0), 0);
  await lab.run("/bin/sleep 1.1; /bin/true");
  assert.ok(told() + counted() >= wanted * 0.99, `${told()} told, ${counted()} counted of ${wanted}`);
  assert.ok(told() < wanted, "a flood is not told one by one");
});

test("a flood of connects is counted, and hides no program", async () => {
  await lab.run(
    python(
      'import socket as s\nx = s.socket(s.AF_INET, s.SOCK_DGRAM)\nfor i in range(200000): x.connect(("127.0.0.1", 1 + i % 60000))',
    ),
  );
  assert.ok(lab.overBudget > 100_000, "the kernel did not even tell them");
  assert.ok(lab.connects.length < 1000, "most were not told one by one");
  await eventually(async () => {
    await lab.run("/bin/true after-the-flood");
    return lab.runs.some(({ argv }) => argv[1] === "after-the-flood") ? true : undefined;
  });
});

test("nothing stays in the kernel when its warden is killed", async () => {
  const parent = spawn(process.execPath, [join(import.meta.dirname, "tap-parent.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = (await once(parent.stdout, "data")) as [Buffer];
  const loader = Number(said.toString());
  assert.ok(existsSync(`/proc/${loader}`) && loader > 0);
  parent.kill("SIGKILL");
  await eventually(() => (existsSync(`/proc/${loader}`) ? undefined : true));
});
