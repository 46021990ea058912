import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { IMPLEMENTED } from "../../../gateway/ssh/transport/algorithms.ts";
import { IMPLEMENTED as KNOWN_TO_THE_IMAGE_BUILD } from "../../../gateway/sandbox/image/offer.ts";
import { AS_CLIENT } from "./choices.ts";
import { logIn, transportPair } from "./pair.ts";
import { exchange } from "./stream.ts";

const TOTAL = 10_000_000;

/** Each algorithm at least once; each MAC with a cipher that needs one, each cipher with and without compression somewhere. */
function rows() {
  const counter = IMPLEMENTED.cipher.filter((name) => name.endsWith("ctr"));
  const others = IMPLEMENTED.cipher.filter((name) => !name.endsWith("ctr"));
  const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;
  const ciphers = [
    ...IMPLEMENTED.mac.map((mac, index) => ({ mac, cipher: at(counter, index) })),
    ...others.map((cipher) => ({ mac: at(IMPLEMENTED.mac, 0), cipher })),
  ];
  return ciphers.map(({ mac, cipher }, index) => ({
    kex: [at(AS_CLIENT.kex, index)],
    hostKey: [at(IMPLEMENTED.hostKey, index)],
    cipher: [cipher],
    mac: [mac],
    compression: [at(IMPLEMENTED.compression, index)],
  }));
}

describe("every algorithm, 10 MB each way, with new keys in mid-stream from either side", () => {
  const seen = new Set<string>();
  for (const offer of rows()) {
    const names = Object.values(offer).flat();
    for (const name of names) seen.add(name);
    it(names.join(" "), async () => {
      await using pair = await transportPair({ rekey: { bytes: 1_000_000 } }, { offer });
      const { server, client } = pair;
      assert.deepEqual(client.agreed, server.agreed);
      assert.deepEqual([server.agreed.kex], offer.kex);
      assert.deepEqual([server.agreed.hostKey], offer.hostKey);
      assert.deepEqual([server.agreed.cipherToClient], offer.cipher);
      assert.deepEqual([server.agreed.compressionToServer], offer.compression);
      assert.deepEqual(server.sessionId, client.sessionId);
      const { sessionId } = server;
      await logIn(pair);
      const keys = new Set([server.agreed]);
      let asked = false;
      const results = await exchange(server, client, TOTAL, (share, from) => {
        keys.add(server.agreed);
        if (from !== client || share < 0.5 || asked) return;
        asked = true;
        client.rekey();
      });
      for (const { sent, received } of results) assert.deepEqual(received, sent);
      // What is compressed fits into the kernel's buffers, so that a peer's NEWKEYS comes late.
      const least = offer.compression.includes("none") ? 3 : 2;
      assert.ok(keys.size >= least, `keys were changed ${keys.size - 1} times`);
      assert.equal(server.sessionId, sessionId);
    });
  }
  it("left none out", () => {
    for (const list of Object.values(AS_CLIENT)) for (const name of list) assert.ok(seen.has(name), name);
  });
});

it("what the image build takes over from sshd is what is implemented here", () => {
  const sorted = (lists: Record<string, readonly string[]>) =>
    Object.fromEntries(Object.entries(lists).map(([list, names]) => [list, names.toSorted()]));
  assert.deepEqual(sorted(KNOWN_TO_THE_IMAGE_BUILD), sorted(IMPLEMENTED));
});

describe("both sides ask for new keys at the same moment", () => {
  for (const strict of [true, false])
    it(strict ? "strict" : "not strict", async () => {
      await using pair = await transportPair({ strict }, { strict });
      await logIn(pair);
      pair.server.rekey();
      pair.client.rekey();
      const results = await exchange(pair.server, pair.client, 1_000_000, (share, from) => {
        if (share > 0.3 && share < 0.35) (from === pair.server ? pair.server : pair.client).rekey();
      });
      for (const { sent, received } of results) assert.deepEqual(received, sent);
    });
});

for (const compression of IMPLEMENTED.compression)
  it(`new keys ten times over, compression ${compression}`, { timeout: 120_000 }, async () => {
    await using pair = await transportPair({}, { offer: { compression: [compression] } });
    await logIn(pair);
    for (let round = 0; round < 10; round++) {
      const before = pair.server.agreed;
      (round % 2 === 0 ? pair.server : pair.client).rekey();
      const results = await exchange(pair.server, pair.client, 100_000);
      for (const { sent, received } of results) assert.deepEqual(received, sent);
      // The client's own NEWKEYS may be behind all that it sent.
      while (pair.server.agreed === before) await new Promise(setImmediate);
    }
  });
