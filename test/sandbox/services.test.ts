import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { continuePids } from "../../gateway/sandbox/past/pids.ts";
import { PristineFiles } from "../../gateway/sandbox/pristine.ts";
import { forgetStart, waitForServices } from "../../gateway/sandbox/services.ts";

/** A machine's root; programs found by name are those in `bin` first. */
let folder = "";

before(async () => {
  const path = process.env["PATH"] ?? "";
  folder = await mkdtemp(join(tmpdir(), "mitsubako-services-"));
  mkdirSync(join(folder, "bin"));
  process.env["PATH"] = `${join(folder, "bin")}:${path}`;
});
after(() => rm(folder, { recursive: true }));

/** What ends nsenter does not end this; it goes by itself. */
const HANGS = "exec sleep 20";

test("where a question to journald does not end, what asks it is still in the sandbox: nobody is let in", async () => {
  await using init = await firstProcess();
  asks(HANGS);
  const hangs = { code: "engine-refused", message: /does not answer journalctl/ };
  await assert.rejects(waitForServices(init.pid, 100), hangs);
  await assert.rejects(forgetStart(init.pid, journal("hangs"), [], 100), hangs);
});

test("a journald that takes no questions is waited for, and its journal stays", async () => {
  await using init = await firstProcess();
  asks("exit 1");
  // It is asked once, and 0 ends no question: a busy machine cannot end this one.
  assert.equal(await waitForServices(init.pid, 0), "journald");
  await forgetStart(init.pid, journal("refuses"), [], 60_000);
  // As while it starts.
  asks(`[ -e ${folder}/asked ] && exit 0; : >${folder}/asked; exit 1`);
  assert.equal(await waitForServices(init.pid, 60_000), undefined);
});

test("where the shell that sets the next process's number does not end, the sandbox is not given out either", async () => {
  const nsenter = join(folder, "bin", "nsenter");
  writeFileSync(nsenter, `#!/bin/sh\n${HANGS}\n`);
  chmodSync(nsenter, 0o755);
  try {
    await assert.rejects(continuePids(process.pid, 1, 100), { killed: true });
    writeFileSync(nsenter, "#!/bin/sh\nexit 1\n");
    await continuePids(process.pid, 1);
  } finally {
    await rm(nsenter);
  }
});

test("what the services said at their start goes, what they took away themselves is no error", () => {
  const files = journal("goes");
  const day = new Date("2026-01-02T03:04:05Z");
  utimesSync(join(folder, "goes", JOURNAL, "user-1000.journal"), day, day);
  files.remove(`${JOURNAL}/user-1000.journal`);
  assert.equal(existsSync(join(folder, "goes", JOURNAL, "user-1000.journal")), false);
  files.remove(`${JOURNAL}/user-1000.journal`);
  files.remove("run/log/gone/system.journal");
  const put = (name: string) => ({ path: `${JOURNAL}/${name}`, mode: 0, uid: 0, gid: 0, modifiedAt: day });
  files.redate([put("gone.journal"), put("system.journal")]);
  assert.equal(statSync(join(folder, "goes", JOURNAL, "system.journal")).mtimeMs, day.getTime());
  // Whatever else is wrong is told.
  assert.throws(() => {
    files.remove(JOURNAL);
  });
});

const JOURNAL = "run/log/journal/0123456789abcdef0123456789abcdef";

/** Of a sandbox of that name, with a file that its services' start has filled. */
function journal(name: string): PristineFiles {
  const root = join(folder, name);
  mkdirSync(join(root, JOURNAL), { recursive: true });
  for (const file of ["system.journal", "user-1000.journal"]) writeFileSync(join(root, JOURNAL, file), "");
  return new PristineFiles(root, { uid: 0, gid: 0 });
}

/** What `journalctl` is from here on. */
function asks(script: string): void {
  const program = join(folder, "bin", "journalctl");
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
}

/** One that has started its services, on a machine with journald. */
async function firstProcess(): Promise<{ readonly pid: number } & AsyncDisposable> {
  const script =
    "exec 3>&1 >/dev/null; mount -t tmpfs none /dev; ln -s /run/systemd/journal/dev-log /dev/log; echo >&3; exec 3>&-; exec cat";
  const child = spawn("unshare", ["--mount", "sh", "-c", script], { stdio: ["pipe", "pipe", "inherit"] });
  await once(child.stdout, "data");
  const ended = once(child, "exit");
  return {
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
