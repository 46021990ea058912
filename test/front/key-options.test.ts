/** What authorized_keys says, as a stock sshd reads it (sshd(8)). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { optionsOfKey } from "../../gateway/front/authorized-keys.ts";
import { restrictionsOf } from "../../gateway/front/key-options.ts";

const BLOB = Buffer.from(
  "0000000b7373682d65643235353139000000200102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
  "hex",
);
const KEY = `ssh-ed25519 ${BLOB.toString("base64")}`;
const find = (text: string) => optionsOfKey(Buffer.from(text, "latin1"), BLOB);

describe("authorized_keys", () => {
  it("finds a key with and without options, comments, quotes with blanks, and odd white space", () => {
    assert.equal(find(`${KEY}\n`), "");
    assert.equal(find(`# x\n\n \t${KEY} root@c2\n`), "");
    assert.equal(find(`command="echo \\"a b\\"",no-pty ${KEY}`), 'command="echo \\"a b\\"",no-pty');
    assert.equal(find(`ssh-ed25519 AAAA\n${KEY}`), "");
    assert.equal(find(`environment="LC_X=\xe9" ${KEY}`), 'environment="LC_X=\xe9"');
  });

  it("does not find what sshd would not take", () => {
    assert.equal(find(`#${KEY}`), undefined);
    assert.equal(find(`cert-authority ${KEY}`), undefined);
    assert.equal(find(`"${KEY}`), undefined);
    assert.equal(find("ssh-ed25519"), undefined);
    assert.equal(find(""), undefined);
  });

  it("options restrict, in their order", () => {
    const all = { pty: true, portForwarding: true, agentForwarding: true, x11Forwarding: true, userRc: true };
    assert.deepEqual(restrictionsOf("", "192.0.2.1"), all);
    assert.deepEqual(restrictionsOf("no-pty,NO-port-forwarding", "192.0.2.1"), {
      ...all,
      pty: false,
      portForwarding: false,
    });
    assert.deepEqual(restrictionsOf("restrict,pty", "192.0.2.1"), {
      pty: true,
      portForwarding: false,
      agentForwarding: false,
      x11Forwarding: false,
      userRc: false,
    });
    assert.deepEqual(restrictionsOf('command="echo \\"a,b\\"",no-user-rc', "192.0.2.1"), {
      ...all,
      userRc: false,
      command: Buffer.from('echo "a,b"'),
    });
  });

  it("from= keeps addresses out", () => {
    const isIn = (from: string, address: string) => restrictionsOf(`from="${from}"`, address) !== undefined;
    assert.equal(isIn("192.0.2.*", "192.0.2.7"), true);
    assert.equal(isIn("192.0.2.0/24,!192.0.2.7", "192.0.2.7"), false);
    assert.equal(isIn("192.0.2.0/24", "198.51.100.1"), false);
    assert.equal(isIn("2001:db8::/32", "2001:db8::1"), true);
    assert.equal(isIn("*.example.org", "192.0.2.7"), false);
    const began = performance.now();
    assert.equal(isIn(`${"*a".repeat(2000)}b`, "a".repeat(2000)), false);
    assert.ok(performance.now() - began < 20_000, "a hostile pattern takes no time");
  });
});
