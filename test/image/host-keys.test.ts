import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { makeHostKeys } from "../../gateway/sandbox/image/host-keys.ts";

describe("a persona's host keys", () => {
  let home: string;
  before(async () => {
    home = await mkdtemp(join(tmpdir(), "mitsubako-keys-"));
  });
  after(() => rm(home, { recursive: true, force: true }));

  it("are made once, as ssh-keygen -A makes them, readable by nobody else", async () => {
    const folder = join(home, "keys", "debian-12");
    const keys = await makeHostKeys(folder, "srv01");
    assert.deepEqual(
      keys.map(({ type }) => type),
      ["ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519"],
    );
    for (const key of keys) {
      assert.match(key.privateKey, /^-----BEGIN OPENSSH PRIVATE KEY-----\n/);
      assert.match(key.publicKey, new RegExp(`^${key.type} [A-Za-z0-9+/=]+ root@srv01\n$`));
    }
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    for (const name of await readdir(folder)) {
      const file = join(folder, name);
      if (name.endsWith(".pub")) continue;
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      const [publicHalf] = execFileSync("ssh-keygen", ["-y", "-f", file], { encoding: "utf8" }).split(
        " root@",
      );
      assert.ok(keys.some((key) => key.publicKey.startsWith(publicHalf ?? "nothing")));
    }
    const bits = execFileSync("ssh-keygen", ["-l", "-f", join(folder, "ssh_host_rsa_key")], {
      encoding: "utf8",
    });
    assert.match(bits, /^3072 /);
    assert.deepEqual(await makeHostKeys(folder, "another-name"), keys);
  });

  it("are whole again after a key was lost", async () => {
    const folder = join(home, "keys", "half");
    const first = await makeHostKeys(folder, "srv01");
    await rm(join(folder, "ssh_host_ed25519_key"));
    const second = await makeHostKeys(folder, "srv01");
    assert.equal(second.length, 3);
    assert.notEqual(second[0]?.privateKey, first[0]?.privateKey);
    assert.deepEqual(
      await readdir(join(home, "keys")),
      (await readdir(join(home, "keys"))).filter((name) => !name.includes(".new-")),
    );
  });
});
