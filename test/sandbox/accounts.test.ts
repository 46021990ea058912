import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { toByteString, type ByteString } from "../../gateway/model/bytes.ts";
import { addAccount, findAccount, setPassword, type AccountFiles } from "../../gateway/sandbox/accounts.ts";
import { homeOf } from "../../gateway/sandbox/home.ts";
import { PasswordHasher } from "../../gateway/sandbox/password-hash.ts";

const bytes = (text: string) => text as ByteString;
const FILES: AccountFiles = {
  passwd: bytes(
    "root:x:0:0:root:/root:/bin/bash\nsync:x:4:65534:sync:/bin:/bin/sync\nbackup:x:34:34:backup:/var/backups:/usr/sbin/nologin\n",
  ),
  shadow: bytes("root:!*:20000:0:99999:7:::\nsync:*:20000:0:99999:7:::\nbackup:*:20000:0:99999:7:::\n"),
  group: bytes("root:x:0:\nsudo:x:27:\nusers:x:100:\n"),
  gshadow: bytes("root:*::\nsudo:*::\nusers:*::\n"),
};
const HASH = "$y$j9T$salt$hash";

test("a new account is what adduser makes", () => {
  const { files, account } = addAccount(FILES, { name: "bob", hash: HASH, day: 20_001, sudo: true });
  assert.deepEqual(account, {
    name: "bob",
    uid: 1000,
    gid: 1000,
    home: "/home/bob",
    shell: "/bin/bash",
    hasPassword: true,
  });
  assert.equal(files.passwd, `${FILES.passwd}bob:x:1000:1000:,,,:/home/bob:/bin/bash\n`);
  assert.equal(files.shadow, `${FILES.shadow}bob:${HASH}:20001:0:99999:7:::\n`);
  assert.equal(files.group, "root:x:0:\nsudo:x:27:bob\nusers:x:100:bob\nbob:x:1000:\n");
  assert.equal(files.gshadow, "root:*::\nsudo:*::bob\nusers:*::bob\nbob:!::\n");
  assert.deepEqual(findAccount(files, "bob"), account);

  const second = addAccount(files, { name: "amy", hash: HASH, day: 20_001, sudo: false });
  assert.equal(second.account.uid, 1001);
  assert.match(second.files.group, /^users:x:100:bob,amy$/m);
  assert.match(second.files.group, /^sudo:x:27:bob$/m);
});

test("only a password hash counts as a password", () => {
  for (const field of ["*", "!", "!*", "!!", `!${HASH}`, ""]) {
    const shadow = bytes(FILES.shadow.replace("root:!*:", `root:${field}:`));
    assert.equal(findAccount({ ...FILES, shadow }, "root")?.hasPassword, false, field);
  }
  assert.equal(
    findAccount(setPassword(FILES, { name: "root", hash: HASH, day: 1 }), "root")?.hasPassword,
    true,
  );
  // In /etc/passwd itself, as in old times.
  const passwd = bytes(FILES.passwd.replace("root:x:", "root:abJnggxhB/yWI:"));
  assert.equal(findAccount({ ...FILES, passwd }, "root")?.hasPassword, true);
});

test("an account without a password is given one; others' lines stay byte for byte", () => {
  const odd = { ...FILES, passwd: bytes(`${FILES.passwd}caf\xe9:x:7:7::/:/bin/sh\nbroken line\n\n`) };
  const root = setPassword(odd, { name: "root", hash: HASH, day: 20_001 });
  assert.equal(root.passwd, odd.passwd);
  assert.equal(root.shadow, FILES.shadow.replace("root:!*:20000", `root:${HASH}:20001`));
  const backup = setPassword(odd, { name: "backup", hash: HASH, day: 20_001 });
  assert.match(backup.passwd, /^backup:x:34:34:backup:\/var\/backups:\/bin\/bash$/m);
  assert.match(setPassword(odd, { name: "sync", hash: HASH, day: 1 }).passwd, /^sync:.*:\/bin\/sync$/m);
  // An attacker took the line out of shadow.
  const shadow = bytes("");
  assert.equal(findAccount({ ...FILES, shadow }, "root")?.hasPassword, false);
  assert.match(setPassword({ ...FILES, shadow }, { name: "root", hash: HASH, day: 1 }).shadow, /^root:\$y/);
});

test("names are taken whole", () => {
  const files = addAccount(FILES, { name: "a.b", hash: HASH, day: 1, sudo: false }).files;
  assert.equal(findAccount(files, "aXb"), undefined);
  assert.equal(findAccount(files, "a"), undefined);
  assert.equal(findAccount(files, "roo"), undefined);
});

test("uids: one over the highest, gaps only when the top is reached, groups count", () => {
  const with_ = (lines: string, group: string = FILES.group) =>
    addAccount(
      { ...FILES, passwd: bytes(FILES.passwd + lines), group: bytes(group) },
      { name: "n", hash: HASH, day: 1, sudo: false },
    ).account.uid;
  assert.equal(with_("x:x:1005:1005::/:/bin/sh\n"), 1006);
  assert.equal(with_("x:x:59999:1::/:/bin/sh\n"), 1000);
  assert.equal(with_("nobody:x:65534:65534::/:/bin/sh\nhuge:x:99999999999999:1::/:/bin/sh\n"), 1000);
  assert.equal(with_("", `${FILES.group}planted:x:1000:\n`), 1001);
});

test("the system's own tools find our lines in order", async () => {
  // pwck and grpck of this machine read the files as they would /etc's.
  const root = await mkdtemp(join(tmpdir(), "mitsubako-accounts-"));
  try {
    await mkdir(join(root, "etc"));
    const read = async (name: string) => toByteString(await readFile(`/etc/${name}`));
    const files = {
      passwd: await read("passwd"),
      shadow: await read("shadow"),
      group: await read("group"),
      gshadow: await read("gshadow"),
    };
    const made = addAccount(files, { name: "mitsubako-test", hash: HASH, day: 20_001, sudo: true }).files;
    await cp("/etc/login.defs", join(root, "etc/login.defs"));
    for (const [name, content] of Object.entries(made) as [string, string][])
      await promisify(execFile)("install", ["-m", "0600", "/dev/null", join(root, "etc", name)]).then(
        async () => {
          const { writeFile } = await import("node:fs/promises");
          await writeFile(join(root, "etc", name), Buffer.from(content, "latin1"));
        },
      );
    const check = await promisify(execFile)("grpck", ["-r", "-R", root]).catch(
      (error: unknown) => error as { stdout: string },
    );
    assert.doesNotMatch(
      check.stdout,
      /mitsubako-test.*(bad|invalid|duplicate)|no matching group.*mitsubako-test/i,
    );
    const passwords = await promisify(execFile)("pwck", ["-r", "-R", root]).catch(
      (error: unknown) => error as { stdout: string },
    );
    // Below that folder are neither a home nor a shell, and that is all.
    assert.deepEqual(
      passwords.stdout
        .split("\n")
        .filter((line) => line.includes("mitsubako-test") && !/\/home\/|\/bin\/bash/.test(line)),
      [],
    );
  } finally {
    await rm(root, { recursive: true });
  }
});

test("a home has the skeleton's files, a history, and its owner alone", () => {
  const { account } = addAccount(FILES, { name: "bob", hash: HASH, day: 1, sudo: false });
  const skel = [{ name: ".bashrc", content: Buffer.from("x"), mode: 0o644, modifiedAt: new Date(0) }];
  const home = homeOf(account, skel, new Date(1e12));
  assert.deepEqual(
    home.map(({ path, mode, uid, gid }) => [path, mode, uid, gid]),
    [
      ["home/bob", 0o700, 1000, 1000],
      ["home/bob/.bashrc", 0o644, 1000, 1000],
      ["home/bob/.bash_history", 0o600, 1000, 1000],
    ],
  );
  const history = Buffer.from(home[2]?.content ?? "").toString();
  assert.match(history, /^(.+\n){3,}$/);
  assert.equal(history, Buffer.from(homeOf(account, skel, new Date())[2]?.content ?? "").toString());
});

test("hashes are Debian's, salted, right for any bytes", async () => {
  using hasher = new PasswordHasher();
  hasher.startAhead();
  const verify = async (password: Buffer, hash: string) => {
    const program =
      'my ($p, $h) = map { chomp; pack("H*", $_) } <STDIN>; print crypt($p, $h) eq $h ? "yes" : "no"';
    const child = promisify(execFile)("perl", ["-e", program]);
    child.child.stdin?.end(`${password.toString("hex")}\n${Buffer.from(hash).toString("hex")}\n`);
    return (await child).stdout;
  };
  for (const password of [
    Buffer.from("a"),
    Buffer.from([0xff, 0x80, 1, 0x27, 0x22, 0x0d]),
    Buffer.alloc(511, "é"),
  ]) {
    const hash = await hasher.hash(password);
    assert.match(hash, /^\$y\$j9T\$[./0-9A-Za-z]{22}\$[./0-9A-Za-z]{43}$/);
    assert.equal(await verify(password, hash), "yes");
    assert.equal(await verify(Buffer.concat([password, Buffer.from("x")]), hash), "no");
  }
  assert.notEqual(await hasher.hash(Buffer.from("a")), await hasher.hash(Buffer.from("a")));
  await assert.rejects(hasher.hash(Buffer.alloc(512, "a")), { code: "internal" });
});
