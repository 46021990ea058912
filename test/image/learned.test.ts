import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  learnedSchema,
  packLearned,
  signatureAlgorithmsOf,
  unpackLearned,
} from "../../gateway/sandbox/image/learned.ts";
import { IMPLEMENTED, knownMethods, reducedOffer } from "../../gateway/sandbox/image/offer.ts";
import { IMPLEMENTED as OF_TRANSPORT } from "../../gateway/ssh/transport/algorithms.ts";
import { DEBIAN_12 } from "./learned.ts";

describe("what a server says of itself", () => {
  it("survives being kept in a label", () => {
    const label = packLearned(DEBIAN_12);
    assert.match(label, /^[A-Za-z0-9+/=]+$/);
    assert.deepEqual(unpackLearned(label), DEBIAN_12);
    assert.equal(unpackLearned(""), undefined);
    assert.equal(unpackLearned(label.slice(0, 100)), undefined);
    // As an earlier version kept it: not enough, so the image is asked again.
    const earlier = JSON.stringify({ ...DEBIAN_12, extensions: undefined });
    assert.equal(unpackLearned(Buffer.from(earlier).toString("base64")), undefined);
  });

  it("is not kept when it is more, or other, than a server can have to say", () => {
    const hostile: Partial<Record<keyof typeof DEBIAN_12, unknown>>[] = [
      { identification: "SSH-2.0-x\r\nSSH-2.0-y" },
      { identification: "SSH-1.99-x" },
      { identification: `SSH-2.0-${"x".repeat(300)}` },
      { kex: [] },
      { kex: Array.from({ length: 1000 }, (_, index) => `kex-${index}`) },
      { cipher: ["a,b"] },
      { cipher: ["\x1b[31m"] },
      { mac: ["m".repeat(200)] },
      { methods: [""] },
      { extensions: [{ name: "server-sig-algs", value: "\n" }] },
      { banner: "b".repeat(5000) },
      ...["\0", "\x1b[31m", "\x7f", "\u009b31m"].map((banner) => ({ banner })),
      { afterLogin: Array.from({ length: 100 }, () => "x") },
    ];
    assert.ok(learnedSchema.safeParse(DEBIAN_12).success);
    assert.ok(learnedSchema.safeParse({ ...DEBIAN_12, banner: "Grüße\tan\r\nalle 漢\n" }).success);
    for (const part of hostile)
      assert.equal(learnedSchema.safeParse({ ...DEBIAN_12, ...part }).success, false, JSON.stringify(part));
  });

  it("loses nothing of Debian 12's, in sshd's own order; what the transport has not is left out", () => {
    const offer = reducedOffer(DEBIAN_12);
    const { kex, hostKey, cipher, mac, compression } = DEBIAN_12;
    assert.deepEqual(offer, { kex, hostKey, cipher, mac, compression });
    const more = { ...DEBIAN_12, kex: ["not-yet-made", ...kex], mac: [...mac, "nor-this"] };
    assert.deepEqual(reducedOffer(more), offer);
    const turned = reducedOffer({ ...DEBIAN_12, cipher: cipher.toReversed() });
    assert.deepEqual(turned.cipher, cipher.toReversed());
    assert.deepEqual(knownMethods({ ...DEBIAN_12, methods: ["gssapi-with-mic", "password"] }), ["password"]);
    assert.equal(signatureAlgorithmsOf(DEBIAN_12).length, 11);
    assert.deepEqual(signatureAlgorithmsOf({ extensions: [] }), []);
  });

  it("is reduced to exactly what the transport implements", () => {
    for (const kind of ["kex", "hostKey", "cipher", "mac", "compression"] as const)
      assert.deepEqual(new Set<string>(IMPLEMENTED[kind]), new Set<string>(OF_TRANSPORT[kind]), kind);
  });
});
