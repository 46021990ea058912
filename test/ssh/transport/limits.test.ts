/** When the server asks for new keys by itself: the figures of OpenSSH's packet.c, with no RekeyLimit and with one. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { needNewKeys, type RekeyLimits } from "../../../gateway/ssh/transport/limits.ts";

const GIB = 2 ** 30;
const IDLE = { packets: 0, blocks: 0, blockSize: 16 };

function needs(blockSize: number, bytes: number, packets = 1, limits: RekeyLimits = {}): boolean {
  const wear = { packets, blocks: bytes / blockSize, blockSize };
  const answers = [needNewKeys([wear, IDLE], limits), needNewKeys([IDLE, wear], limits)];
  assert.equal(answers[0], answers[1], "either direction");
  return answers[0] ?? false;
}

it("AES: behind 2^32 blocks; ChaCha20, of blocks of 8 bytes: behind 1 GiB", () => {
  assert.deepEqual([needs(16, 64 * GIB), needs(16, 64 * GIB + 16)], [false, true]);
  assert.deepEqual([needs(8, GIB), needs(8, GIB + 8)], [false, true]);
});

it("2^31 packets, whatever is in them", () => {
  assert.deepEqual([needs(16, 16, 2 ** 31), needs(16, 16, 2 ** 31 + 1)], [false, true]);
  assert.deepEqual([needs(8, 8, 2 ** 31), needs(8, 8, 2 ** 31 + 1)], [false, true]);
});

it("a limit makes it earlier, never later, and never before a packet went with these keys", () => {
  assert.deepEqual(
    [needs(16, 65536, 1, { bytes: 65536 }), needs(16, 65552, 1, { bytes: 65536 })],
    [false, true],
  );
  assert.equal(needs(8, GIB + 8, 1, { bytes: 8 * GIB }), true);
  assert.equal(needs(16, 65552, 0, { bytes: 65536 }), false);
});
