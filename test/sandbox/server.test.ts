/** What a stranger finds who looks whether this is a server in use. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { pino } from "pino";
import type { Lease } from "../../gateway/sandbox/lease.ts";
import { buildDisguise } from "../../gateway/warden/disguise-program.ts";
import { eventually, login, openWorkbench, type Workbench } from "./workbench.ts";

const never = new AbortController().signal;
let bench: Workbench;
let lease: Lease;
let folder = "";

before(async () => {
  // As a gateway makes them: what hides the engine must not stop the server's own services.
  folder = await mkdtemp(join(tmpdir(), "mitsubako-server-"));
  const program = await buildDisguise(folder, pino({ level: "silent" }));
  assert.ok(program !== undefined, "tcc and musl-dev are needed");
  bench = await openWorkbench(12, {}, {}, program);
  lease = await bench.pool.lease("a", bench.session(), never);
  await lease.ensureAccount("root", Buffer.from("p"));
});
after(async () => {
  await bench[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const run = async (command: string) => (await login(lease.sandbox.address, "root", "p", command)).stdout;

/** With a terminal, as the first login has to be for the second to tell of it. */
async function greeting(): Promise<string> {
  const options = [
    "-F",
    "/dev/null",
    "-tt",
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
  ];
  const ssh = promisify(execFile)(
    "sshpass",
    ["-p", "p", "ssh", ...options, "-l", "root", lease.sandbox.address],
    {
      timeout: 60_000,
    },
  );
  ssh.child.stdin?.end("exit\n");
  return (await ssh).stdout;
}

test("root was here last on the day of the installation, and then this stranger was", async () => {
  const own = /Last login: .* from (\S+)/;
  const first = own.exec(await greeting())?.[1] ?? "";
  assert.match(first, /^10\.\d+\.\d+\.\d+$/);
  const second = own.exec(await greeting())?.[1];
  assert.notEqual(second, first);
  assert.equal(second, (await run("echo $SSH_CLIENT")).split(" ")[0]);
  assert.match(await run("last -n 1 root"), new RegExp(`^root +pts/\\d +${second?.replaceAll(".", "\\.")} `));
});

test("the log goes on with the stranger's own login, and process ids go on from it", async () => {
  const log = (await run("tail -n 60 /var/log/auth.log")).trimEnd().split("\n");
  const own = log.findIndex((line) => line.includes("Accepted password for root from "));
  assert.ok(own > 0, log.join("\n"));
  const pid = (line: string | undefined) => Number(/\[(\d+)\]/.exec(line ?? "")?.[1]);
  const before = log.slice(0, own).findLast((line) => /(?:CRON|sshd)\[/.test(line));
  assert.ok(pid(log[own]) >= pid(before) && pid(log[own]) > 600, `${before ?? ""}\n${log[own] ?? ""}`);
  // Of our own look at its sshd, and of the services' start, nothing is left.
  assert.doesNotMatch(await run("cat /var/log/auth.log"), /kex_exchange_identification/);
  assert.doesNotMatch(await run("cat /var/log/syslog"), /rsyslogd|dbus-daemon|reboot jobs/);
  await run("logger -p auth.info told by hand");
  await eventually(async () => /told by hand/.test(await run("tail -n 60 /var/log/auth.log")));
});

test("a login by key is logged with that key, not with our certificate", async () => {
  const name = "RSA SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  const ours = `ED25519-CERT SHA256:x ID ${name} (serial 0) CA ED25519 SHA256:y`;
  await run(`logger -p auth.info -t sshd 'Accepted publickey for root from 192.0.2.1 port 1 ssh2: ${ours}'`);
  await eventually(async () =>
    (await run("tail -n 60 /var/log/auth.log")).includes(`port 1 ssh2: ${name}\n`),
  );
  assert.doesNotMatch(await run("cat /var/log/auth.log"), /CERT/);
});

test("a line of somebody's own that looks like ours is logged as it is, and ends nothing", async () => {
  for (const words of [
    "ID (serial 0) CA ED25519 SHA256:",
    "ID  (serial 0) CA ED25519 SHA256:",
    "ID ",
    "ID x (serial 0)",
  ])
    await run(`logger -p auth.info -t x 'Accepted publickey for x ssh2: ED25519-CERT SHA256: ${words}'`);
  await run("logger -p auth.info the line behind them");
  await eventually(async () =>
    (await run("tail -n 60 /var/log/auth.log")).includes("the line behind them\n"),
  );
  assert.match(
    await run("tail -n 60 /var/log/auth.log"),
    /ssh2: ED25519-CERT SHA256: ID \(serial 0\) CA ED25519 SHA256:\n/,
  );
});

test("with little memory there is little beside sshd", async () => {
  bench.change({ memory: 64 * 2 ** 20 });
  const small = await bench.pool.lease("small", bench.session(), never);
  await small.ensureAccount("root", Buffer.from("p"));
  const names = (await login(small.sandbox.address, "root", "p", "ps --ppid 1 -o comm=")).stdout;
  assert.deepEqual(names.trimEnd().split("\n").sort(), ["cron", "sshd"]);
  await small[Symbol.asyncDispose]();
});
