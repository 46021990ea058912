import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { shortfalls } from "../../gateway/commands/persona-shortfalls.ts";
import { DEBIAN_12 } from "../image/learned.ts";

const STRICT = "kex-strict-s-v00@openssh.com";

const of = (part: Partial<typeof DEBIAN_12>) => shortfalls({ ...DEBIAN_12, ...part }, DEBIAN_12, "debian-12");

describe("what of a learned server is played otherwise", () => {
  it("is nothing but its groups where it is the image's own", () => {
    assert.deepEqual(of({}), [
      "No server tells which groups it has for group exchange: those of debian-12 are used.",
    ]);
  });

  it("is each algorithm, method and extension that the gateway has not", () => {
    const kex = ["curve25519-sha256", STRICT];
    assert.deepEqual(
      of({ kex: [...kex, "diffie-hellman-group1-sha1"], hostKey: ["ssh-dss", "ssh-ed25519"] }),
      [
        "It offers, as key exchange, diffie-hellman-group1-sha1, which the gateway has not: not offered.",
        "It offers, as host key, ssh-dss, which the gateway has not: not offered.",
      ],
    );
    assert.deepEqual(of({ kex, methods: ["gssapi-with-mic", "password"] }), [
      "Its methods gssapi-with-mic are not offered.",
    ]);
    assert.deepEqual(of({ kex, extensions: [...DEBIAN_12.extensions, { name: "elevation", value: "y" }] }), [
      "Its extensions elevation are not announced.",
    ]);
  });

  it("is the length of its RSA key, what it says after a login, and its being another kind of server", () => {
    const kex = ["curve25519-sha256", STRICT];
    const others = DEBIAN_12.hostKeys.filter(({ type }) => type !== "ssh-rsa");
    assert.deepEqual(of({ kex, hostKeys: [...others, { type: "ssh-rsa", bits: 4096 }] }), [
      "Its ssh-rsa key has 4096 bits, ours will have 3072.",
    ]);
    assert.match(String(of({ kex, afterLogin: [] })), /^After a login it says "";/);
    assert.match(String(of({ kex, afterLogin: undefined })), /was not asked/);
    assert.match(String(of({ kex, identification: "SSH-2.0-dropbear_2022.83" })), /no OpenSSH/);
  });

  it("is what it lacks and an image's sshd has", () => {
    const rsa = { hostKey: ["rsa-sha2-512"], hostKeys: [{ type: "ssh-rsa", bits: 3072 }] };
    assert.deepEqual(of({ kex: ["curve25519-sha256"], ...rsa }), [
      "It has no strict key exchange (CVE-2023-48795), so the persona has none either.",
      "After a login the sshd of debian-12 announces host keys that it has not: ecdsa-sha2-nistp256, ssh-ed25519.",
    ]);
  });

  it("is too much where nothing of a kind is left", () => {
    assert.throws(() => of({ cipher: ["aes256-cbc"] }), {
      code: "persona-unlearnable",
      message: /no cipher/,
    });
    assert.throws(() => of({ kex: [STRICT] }), { code: "persona-unlearnable" });
    assert.throws(() => of({ methods: ["hostbased"] }), { code: "persona-unlearnable" });
  });
});
