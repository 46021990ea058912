import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { packLearned, parseClientLog, unpackLearned } from "../../gateway/sandbox/image/learned.ts";
import { IMPLEMENTED, knownMethods, reducedOffer } from "../../gateway/sandbox/image/offer.ts";
import { IMPLEMENTED as OF_TRANSPORT } from "../../gateway/ssh/transport/algorithms.ts";

/** What OpenSSH 9.2's client printed when it met Debian 12's sshd. */
const LOG = readFileSync(new URL("openssh-9.2.log", import.meta.url), "utf8");

describe("what an image's sshd says of itself", () => {
  it("is read out of the client's debug lines", () => {
    const learned = parseClientLog(LOG);
    assert.ok(learned);
    assert.equal(learned.identification, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10");
    assert.equal(learned.kex[0], "sntrup761x25519-sha512");
    assert.equal(learned.kex.at(-1), "kex-strict-s-v00@openssh.com");
    assert.deepEqual(learned.hostKey, ["rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256", "ssh-ed25519"]);
    assert.equal(learned.cipher.length, 6);
    assert.equal(learned.mac.length, 10);
    // The server's list, not the client's, which also has plain zlib.
    assert.deepEqual(learned.compression, ["none", "zlib@openssh.com"]);
    assert.equal(learned.signatureAlgorithms.length, 11);
    assert.deepEqual(learned.methods, ["publickey", "password"]);
  });

  it("is the same when the log's lines end in CR LF", () => {
    assert.deepEqual(parseClientLog(LOG.replaceAll(/\r?\n/g, "\r\n")), parseClientLog(LOG));
  });

  it("is nothing when the client never met a server", () => {
    assert.equal(parseClientLog(""), undefined);
    assert.equal(parseClientLog("ssh: connect to host localhost port 22: Connection refused\n"), undefined);
    assert.equal(parseClientLog(LOG.replace("peer server KEXINIT proposal", "")), undefined);
    assert.equal(parseClientLog(LOG.slice(LOG.indexOf("\n") + 1)), undefined);
  });

  it("survives being kept in a label", () => {
    const learned = parseClientLog(LOG);
    assert.ok(learned);
    const label = packLearned(learned);
    assert.match(label, /^[A-Za-z0-9+/=]+$/);
    assert.deepEqual(unpackLearned(label), learned);
    assert.equal(unpackLearned(""), undefined);
    assert.equal(unpackLearned(label.slice(0, 100)), undefined);
  });

  it("loses nothing of Debian 12's, in sshd's own order; what the transport has not is left out", () => {
    const learned = parseClientLog(LOG);
    assert.ok(learned);
    const offer = reducedOffer(learned);
    // The marker is the transport's own to set.
    assert.deepEqual([...offer.kex, "kex-strict-s-v00@openssh.com"], learned.kex);
    assert.deepEqual(offer.hostKey, learned.hostKey);
    assert.deepEqual(offer.compression, learned.compression);
    assert.deepEqual(offer.mac, learned.mac);
    assert.deepEqual(offer.cipher, learned.cipher);
    const more = { ...learned, kex: ["not-yet-made", ...learned.kex], mac: [...learned.mac, "nor-this"] };
    assert.deepEqual(reducedOffer(more), offer);
    const turned = reducedOffer({ ...learned, cipher: learned.cipher.toReversed() });
    assert.deepEqual(turned.cipher, learned.cipher.toReversed());
    assert.deepEqual(knownMethods({ ...learned, methods: ["gssapi-with-mic", "password"] }), ["password"]);
  });

  it("is reduced to exactly what the transport implements", () => {
    for (const kind of ["kex", "hostKey", "cipher", "mac", "compression"] as const)
      assert.deepEqual(new Set<string>(IMPLEMENTED[kind]), new Set<string>(OF_TRANSPORT[kind]), kind);
  });
});
