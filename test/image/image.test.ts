import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Engine } from "../../gateway/sandbox/docker.ts";
import { findPersona } from "../../gateway/sandbox/image/find.ts";
import { makeHostKeys } from "../../gateway/sandbox/image/host-keys.ts";
import { ImageContainer } from "./container.ts";

/** What differs between the images of the two. */
const PERSONAS = {
  "debian-12": { suite: "bookworm", systemd: "252" },
  "debian-13": { suite: "trixie", systemd: "257" },
} as const;

const LOG_IN =
  "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";

/** Asks again until the answer fits, at most a minute: a busy machine is late. */
async function until(ask: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 60_000;
  while (performance.now() < end) {
    if (await ask()) return;
    await sleep(50);
  }
  assert.fail(`not within 60 s: ${what}`);
}

for (const [name, { suite, systemd }] of Object.entries(PERSONAS))
  describe(`a container of the sandbox image of ${name}`, () => {
    let home: string;
    let server: ImageContainer;
    let publicKey: string;
    before(async () => {
      home = await mkdtemp(join(tmpdir(), "mitsubako-image-test-"));
      const files: Record<string, string> = {};
      const names = { "ssh-rsa": "rsa", "ecdsa-sha2-nistp256": "ecdsa", "ssh-ed25519": "ed25519" } as const;
      for (const key of await makeHostKeys(join(home, "keys"), "srv01")) {
        files[`/etc/ssh/ssh_host_${names[key.type]}_key`] = key.privateKey;
        files[`/etc/ssh/ssh_host_${names[key.type]}_key.pub`] = key.publicKey;
      }
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(home, "once")]);
      publicKey = await readFile(join(home, "once.pub"), "utf8");
      files["/tmp/once"] = await readFile(join(home, "once"), "utf8");
      server = await ImageContainer.start(files, name);
    });
    after(async () => {
      await server[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    });

    it("says that it is ready", (context) => {
      context.diagnostic(`ready ${server.readyAfter.toFixed(0)} ms after the engine was asked to start it`);
      assert.equal(server.ready, "ready");
    });

    it("shows nothing of the engine or of us at first sight", async () => {
      assert.match(await server.run("ls /.dockerenv"), /No such file/);
      assert.equal(await server.run("tr '\\0' ' ' </proc/1/cmdline; cat /proc/1/comm"), "/sbin/init systemd");
      assert.equal(await server.run("tr '\\0' ' ' </proc/1/environ"), "HOME=/ TERM=linux");
      assert.equal(await server.run("readlink -f /sbin/init"), "/usr/lib/systemd/systemd");
      assert.match(await server.run("/lib/systemd/systemd --version"), new RegExp(`^systemd ${systemd}`));
      assert.equal(await server.run("find / -xdev -iname '*mitsubako*' -o -xdev -iname '*mmdebstrap*'"), "");
      assert.equal(
        await server.run("grep -rilE 'mitsubako|honeypot' /etc /usr/lib/systemd /usr/sbin 2>/dev/null"),
        "",
      );
      assert.equal(
        await server.run("ls -A /etc/ssh/sshd_config.d /run/sshd"),
        "/etc/ssh/sshd_config.d:\n\n/run/sshd:",
      );
    });

    it("has the disk of a stock Debian: dpkg finds no changed file", async () => {
      assert.equal(await server.run("dpkg --verify | grep -v '^missing.*/var/lib/apt/lists/partial$'"), "");
      assert.equal(await server.run("dpkg --audit"), "");
      assert.match(
        await server.run("cat /etc/apt/sources.list"),
        new RegExp(`^deb http://deb\\.debian\\.org/debian/ ${suite} main`),
      );
    });

    it("has booted, as far as one can see", async () => {
      assert.match(await server.run("who -b"), /system boot +20\d\d-|system boot +[A-Z][a-z]{2} /);
      assert.match(await server.run("cat /etc/machine-id"), /^[0-9a-f]{32}$/);
      assert.equal(
        await server.run("stat -c '%a %U:%G' /run/utmp /run/lock"),
        "664 root:utmp\n1777 root:root",
      );
      // Each is the real one, below PID 1.
      const services = "cron dbus-daemon nginx rsyslogd sshd systemd-journal systemd-logind systemd-udevd";
      await until(
        async () => (await server.run("ps --ppid 1 -o comm= | sort -u | tr '\\n' ' '")) === services,
        "all services run",
      );
    });

    it("has what a server has, and accounts that nobody can enter", async () => {
      const programs =
        "nginx rsyslogd logrotate iptables kmod man tmux nano vi wget curl sudo crontab less unzip xz bzip2 lsof strace openssl ip ss netstat ping python3 perl git-none";
      assert.equal(
        await server.run(`for p in ${programs}; do command -v $p >/dev/null || echo $p; done`),
        "git-none",
      );
      assert.equal(await server.run("awk -F: '$2 !~ /^[!*]/' /etc/shadow"), "");
      assert.equal(await server.run("getent group sudo | cut -d: -f1"), "sudo");
      assert.equal(
        await server.run("locale 2>&1 | grep -ci cannot; . /etc/default/locale; LANG=$LANG locale charmap"),
        "0\nUTF-8",
      );
    });

    it("has no date of the day it was built on, and logs of packages that agree", async () => {
      const folders = "/etc /usr /var/lib/dpkg /var/log /opt /srv";
      assert.equal(
        await server.run(
          `find ${folders} -xdev -type f -newermt '-36 hours' ! -path '/etc/host*' ! -path /etc/resolv.conf ! -path '/etc/ssh/*' ! -path '/var/log/*log' ! -path '/var/log/nginx/*' ! -path /etc/machine-id`,
        ),
        "",
      );
      const installed = await server.run(
        "cat /var/log/dpkg.log /var/log/dpkg.log.1 2>/dev/null; zcat /var/log/dpkg.log.*.gz 2>/dev/null",
      );
      const last = new Map<string, { at: string; version: string }>();
      for (const line of installed.split("\n")) {
        const [, at, name, version] = /^(\S+ \S+) status installed (\S+) (\S+)$/.exec(line) ?? [];
        if (at === undefined || name === undefined || version === undefined) continue;
        if ((last.get(name)?.at ?? "") <= at) last.set(name, { at, version });
      }
      const packages = (
        await server.run("dpkg-query -W -f '${binary:Package} ${Architecture} ${Version}\\n'")
      ).split("\n");
      assert.ok(packages.length > 200);
      for (const line of packages) {
        const [name = "", architecture, version] = line.split(" ");
        const known = last.get(name.includes(":") ? name : `${name}:${architecture}`);
        assert.equal(known?.version, version, name);
      }
    });

    it("answers to systemctl and service", async () => {
      assert.match(
        await server.run("systemctl status nginx"),
        /^● nginx\.service - .*\n +Loaded: loaded \(.*; enabled; preset: enabled\)\n +Active: active \(running\) since /,
      );
      assert.equal(
        await server.run("systemctl stop nginx; systemctl is-active nginx; echo $?"),
        "inactive\n3",
      );
      assert.equal(
        await server.run("service nginx start; systemctl is-active nginx; curl -sI localhost | head -c 12"),
        "active\nHTTP/1.1 200",
      );
      assert.match(
        await server.run("systemctl start nope"),
        /^Failed to start nope\.service: Unit nope\.service not found\.$/,
      );
      const unit = "[Service]\\nExecStart=/bin/sleep 1234\\n[Install]\\nWantedBy=multi-user.target\\n";
      assert.match(
        await server.run(
          `printf '${unit}' >/etc/systemd/system/own.service; systemctl daemon-reload; systemctl enable --now own`,
        ),
        // systemd 257 puts it between quotes.
        /^Created symlink '?\/etc\/systemd\/system\/multi-user\.target\.wants\/own\.service'? → /,
      );
      assert.equal(
        await server.run(
          "ps -o ppid= -C sleep | tr -d ' '; systemctl disable --now own 2>/dev/null; pgrep -x sleep",
        ),
        "1",
      );
      await server.run("rm /etc/systemd/system/own.service");
      assert.match(
        await server.run("su -s /bin/sh www-data -c 'systemctl stop nginx'"),
        /^Failed to stop nginx\.service: Interactive authentication required\./,
      );
      assert.doesNotMatch(
        await server.run("systemctl; systemctl status; systemctl show nginx"),
        /Failed to|booted/,
      );
    });

    it("tells of itself as a machine that has been up for as long as its kernel", async () => {
      // Of the services' times, the minute: PID 1 may take one to start them.
      const boot = Number(await server.run("awk '/btime/ { print $2 }' /proc/stat")) * 1000;
      const minutes = [0, 1, 2].map((more) => new Date(boot + more * 60_000).toISOString().slice(11, 16));
      const booted = new RegExp(` (?:${minutes.join("|")})\\b`);
      assert.match(await server.run("who -b"), booted);
      // Debian 13's asks logind, which does not know.
      if (name === "debian-12") assert.match(await server.run("who -r"), /run-level 5/);
      for (const unit of ["ssh", "cron", "networking"])
        assert.match(await server.run(`systemctl status ${unit} | grep Active`), booted, unit);
      assert.match(
        await server.run("systemctl list-timers"),
        /left +n\/a +n\/a +apt-daily\.timer +apt-daily\.service\n/,
      );
    });

    it("tells of a service that was started later as what it is", async () => {
      // Whatever comes with PID 1 in its first minute is taken for a part of the boot.
      await server.run("while [ $(ps -o etimes= -p 1) -lt 62 ]; do sleep 1; done");
      await server.run("systemctl restart nginx");
      assert.match(await server.run("systemctl status nginx | grep Active"), /; \d{1,2}s ago$/);
    });

    it("answers to hostnamectl, timedatectl, localectl and journalctl", async () => {
      const host = await server.run("hostnamectl");
      assert.match(
        host,
        /^ +Static hostname: \S+\n[^]*\n +Machine ID: [0-9a-f]{32}\n +Boot ID: [0-9a-f]{32}\n/,
      );
      assert.match(
        host,
        /\nOperating System: Debian GNU\/Linux 1\d \(\w+\)\n +Kernel: Linux \S+\n +Architecture: /,
      );
      assert.match(await server.run("timedatectl"), /^ +Local time: [^]*Time zone: Etc\/UTC \(UTC, \+0000\)/);
      assert.match(await server.run("localectl"), /^ *System Locale: LANG=en_US\.UTF-8\n/);
      await server.run("logger -t own 'a line of ours'");
      await until(
        async () => (await server.run("journalctl -t own -o cat")) === "a line of ours",
        "the journal has it",
      );
    });

    it("delivers mail", async () => {
      await server.run("echo text | mail -s subject root");
      await until(
        async () => /\nSubject: subject\n[^]*\ntext$/.test(await server.run("cat /var/mail/root")),
        "the mail is there",
      );
    });

    it("works by the gateway's settings though they lie nowhere", async () => {
      // What the gateway does for a login by key: a certificate by the server's own Ed25519 host key.
      await server.run(`printf '%s' '${publicKey.trim()}' >/tmp/once.pub`);
      await server.run(
        "ssh-keygen -q -s /etc/ssh/ssh_host_ed25519_key -I x -n root -V -1m:+5m /tmp/once.pub",
      );
      assert.equal(
        await server.run(`${LOG_IN} -i /tmp/once root@localhost 'echo in; echo $USER; echo $LANG'`),
        "in\nroot\nen_US.UTF-8",
      );
      // Six is sshd's own limit, of which each key takes one.
      const keys = Array.from({ length: 12 }, (_, i) => `-i /tmp/wrong${i}`).join(" ");
      await server.run(`for i in $(seq 0 11); do ssh-keygen -q -t ed25519 -N '' -f /tmp/wrong$i; done`);
      assert.equal(
        await server.run(`${LOG_IN} -o IdentitiesOnly=yes ${keys} -i /tmp/once root@localhost echo in`),
        "in",
      );
      await server.run("rm /tmp/once-cert.pub /tmp/wrong*");
      assert.match(
        await server.run(`${LOG_IN} -i /tmp/once root@localhost echo in`),
        /Permission denied \(publickey,password\)/,
      );
      assert.equal(await server.run("pgrep -a sshd | grep -c -e once -e ' -o' -e ' -f'"), "0");
    });

    it("answers as the persona that was learned from it", async () => {
      const persona = await findPersona(new Engine(), { name, hostname: "srv01" });
      assert.equal(
        await server.run("echo | nc -w 2 localhost 22 | head -n 1 | tr -d '\\r'"),
        persona.identification,
      );
      // Cowrie's default, which scanners list.
      assert.notEqual(persona.identification, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3");
      assert.ok(persona.offer.kex.length >= 7 && persona.offer.mac.length >= 6);
      const scanned = await server.run(
        "ssh-keyscan -t rsa,ecdsa,ed25519 localhost 2>/dev/null | grep -v '^#' | cut -d' ' -f2,3 | sort",
      );
      const kept = await makeHostKeys(join(home, "keys"), "srv01");
      const expected = kept.map(({ publicKey: key }) => key.split(" ").slice(0, 2).join(" "));
      assert.deepEqual(scanned.split("\n"), expected.sort());
    });

    it("reaps orphans", async () => {
      await server.run("(sleep 0.2 & sleep 0.3 & exit) & exit");
      await until(async () => (await server.run("ps -e -o stat=,comm= | grep -c '^Z'")) === "0", "no zombie");
    });

    it("starts sshd and cron again when they are killed, but not beside one started by hand", async () => {
      await server.run("kill -9 $(cat /run/sshd.pid); pkill -9 cron");
      await until(
        async () => (await server.run("pgrep -c -P 1 sshd; pgrep -c cron")) === "1\n1",
        "both again",
      );
      await server.run("kill $(cat /run/sshd.pid); /usr/sbin/sshd");
      await sleep(500);
      assert.equal(await server.run("pgrep -c -f '^sshd:.*listener'"), "1");
      assert.equal(await server.run("ls -A /etc/ssh/sshd_config.d"), "");
    });

    it("cannot be ended from within", async () => {
      await server.run("kill -TERM 1; kill -KILL 1; kill -INT 1; kill -HUP 1; kill -USR1 1; kill -RTMIN+3 1");
      await sleep(300);
      assert.equal(await server.run("echo alive"), "alive");
    });

    it("ends at once, in order, when the engine asks", async (context) => {
      await server.run("setsid sh -c 'trap : TERM HUP; sleep 60' >/dev/null 2>&1 &");
      const { exitCode, took } = await server.stop();
      context.diagnostic(`stopped in ${took.toFixed(0)} ms`);
      assert.equal(exitCode, 0);
      assert.ok(took < 5000, `took ${took} ms`);
    });
  });

describe("a container whose sshd cannot start", () => {
  it("says so instead of waiting", async () => {
    await using server = await ImageContainer.start({});
    assert.equal(server.ready, "failed: sshd does not listen");
    assert.equal((await server.stop()).exitCode, 1);
  });
});
