import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Capture, Change } from "../../gateway/model/capture.ts";
import { policySchema } from "../../gateway/model/policy.ts";
import type { Lease } from "../../gateway/sandbox/lease.ts";
import { eventually, login, openWorkbench, type Workbench } from "./workbench.ts";

const never = new AbortController().signal;
const EVIDENCE = {
  ...policySchema.parse({}).evidence,
  largestFile: 100_000,
  mostFiles: 60,
  mostBytes: 400_000,
};
let bench: Workbench;
/** With the bounds of a policy that says nothing of them. */
let roomy: Workbench;
let sources = 0;

before(async () => {
  bench = await openWorkbench(14, { spares: 1 }, { evidence: EVIDENCE });
  roomy = await openWorkbench(13);
});
after(async () => {
  await bench[Symbol.asyncDispose]();
  await roomy[Symbol.asyncDispose]();
});

const sha256 = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");

/** A new source does that as root, and is captured. */
async function captureOf(command: string, input = "", on = bench): Promise<Capture> {
  const source = `source ${++sources}`;
  const lease = await on.pool.lease(source, on.session(), never);
  await lease.ensureAccount("root", Buffer.from("x"));
  return captureAfter(lease, command, input, on);
}

async function captureAfter(lease: Lease, command: string, input = "", on = bench): Promise<Capture> {
  const seen = on.captures.length;
  const ran = await login(lease.sandbox.address, "root", "x", command, input);
  assert.equal(ran.code, 0, ran.stderr);
  await lease[Symbol.asyncDispose]();
  await eventually(() => on.captures.length > seen);
  const capture = on.captures.at(-1);
  assert.ok(capture);
  return capture;
}

function journalOf({ changes }: Capture): Change | undefined {
  return changes.find(({ path }) => path.endsWith("/system.journal"));
}

/** Those that no service made by itself. */
function news({ changes }: Capture): readonly Change[] {
  return changes.filter(({ grown }) => grown !== true);
}

function changeOf(capture: Capture, path: string): Change | undefined {
  return capture.changes.find((change) => change.path === path);
}

test("a source that does nothing has changed nothing: neither what we prepared nor what services write is its doing", async () => {
  const capture = await captureOf("true", "", roomy);
  assert.equal(capture.cut, false);
  assert.deepEqual(news(capture), []);
});

test("what services write is kept all the same, and flagged", async () => {
  const capture = await captureOf(
    `logger -p auth.info one is kept; logger another is kept
     until grep -q 'one is kept' /var/log/auth.log && grep -q 'another is kept' /var/log/syslog; do sleep 0.1; done`,
    "",
    roomy,
  );
  assert.deepEqual(news(capture), []);
  const contentOf = async (path = "none") => {
    const change = capture.changes.find((one) => one.path === path);
    assert.equal(change?.grown, true, path);
    const content = await readFile(join(roomy.artifacts, change.sha256 ?? ""));
    assert.equal(content.length, change.size, path);
    assert.equal(sha256(content), change.sha256, path);
    return content.toString("latin1");
  };
  assert.match(await contentOf("/var/log/auth.log"), /one is kept/);
  assert.match(await contentOf("/var/log/syslog"), /another is kept/);
  assert.match(await contentOf(journalOf(capture)?.path), /another is kept/);
});

test("what services write is news where there is no room to keep it", async () => {
  const capture = await captureOf("true");
  assert.equal(journalOf(capture)?.leftOut, "too-large");
  assert.equal(journalOf(capture)?.grown, undefined);
});

test("logs that somebody had a hand in are told", async () => {
  const capture = await captureOf(
    "sed -i /Accepted/d /var/log/auth.log; : > /var/log/wtmp; echo x >> /var/log/syslog; rm /var/log/btmp; echo hi > /run/motd.dynamic; chmod 666 /var/log/lastlog",
    "",
    roomy,
  );
  assert.deepEqual(
    news(capture).map(({ kind, path }) => `${kind} ${path}`),
    [
      "C /run",
      "A /run/motd.dynamic",
      "C /var",
      "C /var/log",
      "C /var/log/auth.log",
      "D /var/log/btmp",
      "C /var/log/lastlog",
      "C /var/log/syslog",
      "C /var/log/wtmp",
    ],
  );
});

test("added, changed and deleted files, with contents", async () => {
  const capture = await captureOf(
    `echo one > /root/added; mkdir /opt/dir; printf 'two' > /opt/dir/inner; chmod 4755 /opt/dir/inner;
     echo more >> /etc/issue; rm /etc/issue.net; rm -r /usr/share/doc/bash; ln -s /etc/shadow /root/link; mkfifo /root/pipe;
     chown 1234:4321 /root/added; touch -d '2001-02-03 04:05:06 UTC' /root/added; : > /root/empty`,
  );
  const added = changeOf(capture, "/root/added");
  assert.deepEqual(
    { ...added },
    {
      kind: "A",
      path: "/root/added",
      type: "file",
      mode: 0o644,
      uid: 1234,
      gid: 4321,
      size: 4,
      modifiedAt: "2001-02-03T04:05:06.000Z",
      sha256: sha256("one\n"),
    },
  );
  assert.equal(changeOf(capture, "/opt/dir")?.type, "directory");
  assert.equal(changeOf(capture, "/opt/dir/inner")?.mode, 0o4755);
  assert.equal(changeOf(capture, "/opt/dir/inner")?.sha256, sha256("two"));
  assert.equal(changeOf(capture, "/etc/issue")?.kind, "C");
  assert.equal(changeOf(capture, "/etc")?.kind, "C");
  assert.deepEqual(changeOf(capture, "/etc/issue.net"), { kind: "D", path: "/etc/issue.net", type: "gone" });
  assert.equal(changeOf(capture, "/usr/share/doc/bash")?.kind, "D");
  assert.equal(changeOf(capture, "/root/link")?.linkTarget, "/etc/shadow");
  assert.equal(changeOf(capture, "/root/link")?.sha256, undefined);
  assert.equal(changeOf(capture, "/root/pipe")?.type, "other");
  assert.equal(changeOf(capture, "/root/empty")?.sha256, sha256(""));
  assert.deepEqual(
    capture.changes.map(({ path }) => path),
    capture.changes.map(({ path }) => path).sort(),
  );

  const artifact = join(bench.artifacts, sha256("one\n"));
  assert.equal(await readFile(artifact, "utf8"), "one\n");
  assert.equal((await stat(artifact)).mode & 0o777, 0o640);
  assert.deepEqual(
    (await readdir(bench.artifacts)).filter((name) => !/^[0-9a-f]{64}$/.test(name)),
    [],
  );
});

test("a change that is hidden behind the old size and time is found", async () => {
  const capture = await captureOf(
    "cp -p /usr/bin/true /root/reference; printf X | dd of=/usr/bin/true bs=1 seek=5000 conv=notrunc 2>/dev/null; touch -r /root/reference /usr/bin/true; touch -c /etc/issue; : >> /etc/debian_version",
  );
  assert.equal(changeOf(capture, "/usr/bin/true")?.kind, "C");
  // Opened for writing, not written to: overlayfs copied it, nothing changed.
  assert.equal(changeOf(capture, "/etc/debian_version"), undefined);
});

test("a folder removed and made again tells what went with it", async () => {
  const capture = await captureOf("rm -r /etc/skel; mkdir /etc/skel; echo new > /etc/skel/.bashrc");
  assert.equal(changeOf(capture, "/etc/skel/.bashrc")?.kind, "C");
  assert.equal(changeOf(capture, "/etc/skel/.profile")?.kind, "D");
  assert.equal(changeOf(capture, "/etc/skel/.bash_logout")?.kind, "D");
});

test("file names are bytes", async () => {
  const capture = await captureOf(
    String.raw`cd /root; printf a > "$(printf 'caf\351')"; printf b > "$(printf 'new\nline')"; printf c > '..;rm -rf'; printf d > "$(printf '\303\244')"`,
  );
  assert.equal(changeOf(capture, "/root/caf\xe9")?.sha256, sha256("a"));
  assert.equal(changeOf(capture, "/root/new\nline")?.sha256, sha256("b"));
  assert.equal(changeOf(capture, "/root/..;rm -rf")?.sha256, sha256("c"));
  assert.equal(changeOf(capture, "/root/\xc3\xa4")?.sha256, sha256("d"));
});

test("bounds hold: large, sparse, many, together", async () => {
  const capture = await captureOf(
    `cd /root; head -c 100001 /dev/zero > large; truncate -s 1T sparse; mkdir many; for i in $(seq 100); do echo $i > many/$i; done`,
  );
  assert.equal(changeOf(capture, "/root/large")?.leftOut, "too-large");
  assert.equal(changeOf(capture, "/root/sparse")?.leftOut, "too-large");
  assert.equal(changeOf(capture, "/root/sparse")?.size, 2 ** 40);
  const many = capture.changes.filter(({ path }) => path.startsWith("/root/many/"));
  assert.equal(many.length, 100);
  assert.equal(capture.changes.filter(({ sha256: kept }) => kept !== undefined).length, EVIDENCE.mostFiles);
  assert.ok(many.some(({ leftOut }) => leftOut === "count-reached"));

  const total = await captureOf("cd /root; for i in 1 2 3 4 5; do head -c 90000 /dev/urandom > $i; done");
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((name) => changeOf(total, `/root/${name}`)?.leftOut),
    [undefined, undefined, undefined, undefined, "total-reached"],
  );
});

test("the bounds are for a sandbox's life: coming back with other files gets no more kept", async () => {
  const source = `source ${++sources}`;
  const write = (name: string) => `cd /root; for i in 1 2 3; do head -c 90000 /dev/urandom > ${name}$i; done`;
  const lease = await bench.pool.lease(source, bench.session(), never);
  await lease.ensureAccount("root", Buffer.from("x"));
  const first = await captureAfter(lease, write("a"));
  const second = await captureAfter(await bench.pool.lease(source, bench.session(), never), write("b"));
  const leftOut = (capture: Capture) =>
    ["a1", "a2", "a3", "b1", "b2", "b3"].map((name) => changeOf(capture, `/root/${name}`)?.leftOut);
  assert.equal(changeOf(first, "/root/a3")?.leftOut, undefined);
  // What is kept already stays kept, and costs nothing again.
  const expected = [undefined, undefined, undefined, undefined, "total-reached", "total-reached"];
  assert.deepEqual(leftOut(second), expected);
  assert.ok(changeOf(second, "/root/a3")?.sha256);
});

test("links and odd things in the place of folders lead nowhere", async () => {
  const capture = await captureOf(
    `mv /opt /opt.old; ln -s / /opt; mkdir /root/deep; cd /root/deep; ln -s /proc/self/root up;
     i=0; while mkdir ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd 2>/dev/null && cd ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd && [ $i -lt 80 ]; do i=$((i+1)); done; echo deepest > file || true`,
  );
  assert.equal(changeOf(capture, "/opt")?.type, "link");
  assert.equal(changeOf(capture, "/opt")?.linkTarget, "/");
  // Paths over the kernel's limit cannot be looked at; it is said that something is missing.
  assert.equal(capture.cut, true);
});

test("a source that comes back is captured again, in full, its contents kept once", async () => {
  const source = `source ${++sources}`;
  const lease = await bench.pool.lease(source, bench.session(), never);
  await lease.ensureAccount("root", Buffer.from("x"));
  const first = await captureAfter(lease, "echo first > /root/1");
  const again = await bench.pool.lease(source, bench.session(), never);
  assert.equal(again.state, "returning");
  const second = await captureAfter(again, "echo second > /root/2");
  assert.equal(changeOf(first, "/root/2"), undefined);
  assert.equal(changeOf(second, "/root/1")?.sha256, sha256("first\n"));
  assert.equal(changeOf(second, "/root/2")?.sha256, sha256("second\n"));
  assert.deepEqual(second.sessions, [lease.session, again.session]);
});

test("an account made later is not the source's doing; what the source does to it is", async () => {
  const lease = await bench.pool.lease(`source ${++sources}`, bench.session(), never);
  await lease.ensureAccount("root", Buffer.from("x"));
  await lease.ensureAccount("second", Buffer.from("y"));
  const capture = await captureAfter(
    lease,
    "echo 'alias ls=rm' >> /home/second/.bashrc; echo z > /home/second/z",
  );
  assert.equal(changeOf(capture, "/home/second/.bashrc")?.kind, "C");
  assert.equal(changeOf(capture, "/home/second/z")?.kind, "A");
  for (const path of ["/etc/passwd", "/etc/shadow", "/home/second/.profile", "/home/second/.bash_history"])
    assert.equal(changeOf(capture, path), undefined, path);
});

test("what we prepared and the source removed or replaced is listed", async () => {
  const capture = await captureOf(
    "rm /etc/ssh/ssh_host_rsa_key; echo x >> /etc/ssh/ssh_host_ed25519_key; echo evil > /etc/skel/.bash_logout; useradd -m planted; echo evil >> /home/planted/.profile",
  );
  assert.equal(changeOf(capture, "/etc/ssh/ssh_host_rsa_key")?.kind, "D");
  assert.equal(changeOf(capture, "/etc/ssh/ssh_host_ed25519_key")?.kind, "C");
  assert.equal(changeOf(capture, "/etc/passwd")?.kind, "C");
  assert.equal(changeOf(capture, "/home/planted/.bashrc")?.kind, "A");
  // What the image has in /etc/skel, not what somebody put there.
  const skeletons = [".bashrc", ".profile", ".bash_logout"].map(
    (name) => changeOf(capture, `/home/planted/${name}`)?.skeleton,
  );
  assert.deepEqual(skeletons, [true, undefined, undefined]);
});

test("a frozen sandbox is always thawed", async () => {
  const lease = await bench.pool.lease(`source ${++sources}`, bench.session(), never);
  await lease.ensureAccount("root", Buffer.from("x"));
  await captureAfter(lease, "sleep 300 >/dev/null 2>&1 &");
  const info = await bench.engine.call("inspect", (docker) =>
    docker.getContainer(lease.sandbox.container).inspect(),
  );
  assert.equal(info.State.Paused, false);
  const again = await bench.pool.lease(lease.source, bench.session(), never);
  assert.equal((await login(again.sandbox.address, "root", "x", "echo runs")).stdout, "runs\n");
  await again[Symbol.asyncDispose]();
});
