import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Lease } from "../../gateway/sandbox/lease.ts";
import { isPassword, isUserName } from "../../gateway/model/user-name.ts";
import { login, openWorkbench, type Workbench } from "./workbench.ts";

const never = new AbortController().signal;
let bench: Workbench;
let lease: Lease;

before(async () => {
  bench = await openWorkbench(13);
  lease = await bench.pool.lease("a", bench.session(), never);
});
after(() => bench[Symbol.asyncDispose]());

const run = (user: string, password: Uint8Array | string, command: string) =>
  login(lease.sandbox.address, user, password, command);

test("the first account is made in an untouched sandbox, with any password", async () => {
  assert.equal(await lease.hasPassword("root"), false);
  assert.equal(await lease.ensureAccount("root", Buffer.from('it\'s "$HOME": `x`\\ %s')), "given");
  assert.equal(await lease.hasPassword("root"), true);
  const who = await run(
    "root",
    'it\'s "$HOME": `x`\\ %s',
    "id -u; hostname; stat -c '%U:%G %a' /etc/passwd /etc/shadow",
  );
  assert.deepEqual(who.stdout.split("\n"), ["0", "srv01", "root:root 644", "root:shadow 640", ""]);
  assert.notEqual((await run("root", "wrong", "id")).code, 0);
});

const PASSWORDS: readonly (readonly [string, Buffer])[] = [
  ["bytes that are not UTF-8", Buffer.from([0x80, 0xff, 0xfe, 0xc3, 0x28])],
  ["quotes, colon, spaces", Buffer.from(` a:b'c"d  e\t `)],
  ["200 characters", Buffer.alloc(200, "abcdefghij")],
  ["the longest there is", Buffer.alloc(511, "z")],
  ["one character", Buffer.from("1")],
  ["what looks like a hash", Buffer.from("$6$salt$hash")],
  ["UTF-8", Buffer.from("пароль密蜜箱")],
];

for (const [index, [what, password]] of PASSWORDS.entries())
  test(`a user's password may be ${what}`, async () => {
    assert.ok(isPassword(password.toString("latin1")));
    assert.equal(await lease.ensureAccount(`user${index}`, password), "made");
    const ran = await run(
      `user${index}`,
      password,
      'id -un; pwd; stat -c "%U:%G %a" .; ls -A; wc -l < .bash_history',
    );
    const [name, home, owner, ...files] = ran.stdout.trimEnd().split("\n");
    assert.deepEqual(
      [name, home, owner],
      [`user${index}`, `/home/user${index}`, `user${index}:user${index} 700`],
      ran.stderr,
    );
    assert.deepEqual(files.slice(0, -1), [".bash_history", ".bash_logout", ".bashrc", ".profile"]);
    assert.ok(Number(files.at(-1)) >= 3);
    const wrong = Buffer.concat([password.subarray(0, -1), Buffer.from([(password.at(-1) ?? 0) ^ 1])]);
    assert.notEqual((await run(`user${index}`, wrong, "id")).code, 0);
  });

for (const name of ["Admin", "a.b", "1abc", "_x", "x".repeat(32), "svc$"])
  test(`the user name ${name} works`, async () => {
    assert.ok(isUserName(name));
    assert.equal(await lease.ensureAccount(name, Buffer.from("p")), "made");
    assert.equal((await run(name, "p", "id -un")).stdout, `${name}\n`);
  });

test("an account keeps its password, also one that was changed inside", async () => {
  assert.equal(await lease.ensureAccount("root", Buffer.from("second")), "there");
  const changed = await run(
    "root",
    'it\'s "$HOME": `x`\\ %s',
    "echo 'root:third' | chpasswd; useradd -m made-inside; echo 'made-inside:q' | chpasswd",
  );
  assert.equal(changed.code, 0, changed.stderr);
  assert.equal((await run("root", "third", "id -u")).stdout, "0\n");
  assert.equal(await lease.hasPassword("made-inside"), true);
  assert.equal(await lease.hasPassword("nobody-knows"), false);
});

test("an account made after changes inside keeps those changes, and takes the next uid", async () => {
  assert.equal(await lease.ensureAccount("later", Buffer.from("p")), "made");
  const ids = await run("later", "p", "id -u; id -u made-inside");
  const [later, inside] = ids.stdout.trim().split("\n").map(Number);
  assert.equal(later, (inside ?? 0) + 1);
  assert.equal((await run("root", "third", "grep -c made-inside /etc/passwd")).stdout, "1\n");
});

test("a service's account becomes usable", async () => {
  assert.equal(await lease.ensureAccount("backup", Buffer.from("p")), "given");
  assert.equal(
    (await run("backup", "p", "id -un; grep ^backup: /etc/passwd | cut -d: -f7")).stdout,
    "backup\n/bin/bash\n",
  );
});

test("names and files inside do not tell of the engine or of us", async () => {
  const { address } = lease.sandbox;
  const seen = await run(
    "root",
    "third",
    `cat /etc/resolv.conf /etc/hostname /etc/hosts; getent hosts ${address}; ls -a /; cat /proc/1/cgroup; ip link; cat /proc/1/comm; env`,
  );
  assert.match(seen.stdout, /^nameserver 10\.\d+\.77\.1$/m);
  assert.doesNotMatch(seen.stdout, /127\.0\.0\.11|mitsubako|mbk|docker|02:42/i);
});

test("control groups inside have systemd's names", async () => {
  const groupsOf = async (pid: string) => (await run("root", "third", `cat /proc/${pid}/cgroup`)).stdout;
  // Version 2, or systemd's own of version 1.
  assert.match(await groupsOf("1"), /^(0:|\d+:name=systemd):\/init\.scope$/m);
  assert.match(await groupsOf("self"), /^(0:|\d+:name=systemd):\/system\.slice\/ssh\.service$/m);
});

test("sudo is for those whom the policy lets", async () => {
  assert.match((await run("later", "p", "groups")).stdout, /^later users$/m);
  bench.change({ sudo: true });
  const other = await bench.pool.lease("sudoers", bench.session(), never);
  await other.ensureAccount("boss", Buffer.from("p"));
  assert.match((await login(other.sandbox.address, "boss", "p", "groups")).stdout, /\bsudo\b/);
  assert.equal(
    (await login(other.sandbox.address, "boss", "p", "echo p | sudo -S -p '' id -u")).stdout,
    "0\n",
  );
  bench.change({ sudo: false });
  await other[Symbol.asyncDispose]();
});

test("planted keys are read as sshd would read them", async () => {
  const plant = (command: string) => run("root", "third", command);
  assert.equal(await lease.readAuthorizedKeys("root"), undefined);
  assert.equal(await lease.readAuthorizedKeys("no-such-user"), undefined);
  await plant("mkdir -p .ssh; chmod 700 .ssh; printf 'ssh-ed25519 AAAA one\\n' > .ssh/authorized_keys");
  assert.equal((await lease.readAuthorizedKeys("root"))?.toString(), "ssh-ed25519 AAAA one\n\n");
  // StrictModes: nobody else may be able to write.
  await plant("chmod 666 .ssh/authorized_keys");
  assert.equal(await lease.readAuthorizedKeys("root"), undefined);
  await plant("chmod 600 .ssh/authorized_keys; chmod 777 .ssh");
  assert.equal(await lease.readAuthorizedKeys("root"), undefined);
  await plant("chmod 700 .ssh; chown later .ssh/authorized_keys");
  assert.equal(await lease.readAuthorizedKeys("root"), undefined);
  // Links are followed, inside.
  await plant("rm .ssh/authorized_keys; echo elsewhere > /root/keys; ln -s ../keys .ssh/authorized_keys");
  assert.equal((await lease.readAuthorizedKeys("root"))?.toString(), "elsewhere\n\n");
  await plant("ln -sf /etc/hostname-of-the-host .ssh/authorized_keys");
  assert.equal(await lease.readAuthorizedKeys("root"), undefined);
  await plant("ln -sf authorized_keys .ssh/authorized_keys");
  assert.equal(await lease.readAuthorizedKeys("root"), undefined);
  await plant("rm .ssh/authorized_keys; mkfifo .ssh/authorized_keys");
  assert.equal(await lease.readAuthorizedKeys("root"), undefined);
  await plant("rm .ssh/authorized_keys; head -c 65537 /dev/zero > .ssh/authorized_keys");
  assert.equal(await lease.readAuthorizedKeys("root"), undefined);
  await plant("rm -r .ssh");
});

test("account files turned into something else do not lead out or hang", async () => {
  await run(
    "root",
    "third",
    "rm /etc/gshadow; ln -s /etc/passwd /etc/gshadow; mv /etc/group /etc/group.old; mkdir /etc/group",
  );
  assert.equal(await lease.ensureAccount("last", Buffer.from("p")), "made");
  assert.equal((await run("last", "p", "id -un")).stdout, "last\n");
});
