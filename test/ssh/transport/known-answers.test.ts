/**
 * Published vectors, each with its source. None exist for AES-GCM in SSH's framing (RFC 5647 has none) nor for the exchange hash: these are proven
 * by talking to other people's programs.
 */
import assert from "node:assert/strict";
import { createCipheriv, createHash } from "node:crypto";
import { describe, it } from "node:test";
import { AesCtrOpener, AesCtrSealer } from "../../../gateway/ssh/transport/ciphers/aes-ctr.ts";
import { AesGcmSealer } from "../../../gateway/ssh/transport/ciphers/aes-gcm.ts";
import {
  ChaChaPolyOpener,
  ChaChaPolySealer,
} from "../../../gateway/ssh/transport/ciphers/chacha20-poly1305.ts";
import type { MacAlgorithm } from "../../../gateway/ssh/transport/ciphers/mac.ts";
import { MACS } from "../../../gateway/ssh/transport/ciphers/macs.ts";
import { poly1305 } from "../../../gateway/ssh/transport/ciphers/poly1305.ts";
import { Umac } from "../../../gateway/ssh/transport/ciphers/umac.ts";
import { asMpint, deriveKey } from "../../../gateway/ssh/transport/key-derivation.ts";
import { hassh, symmetricOffer } from "../../../gateway/ssh/transport/kexinit.ts";

const hex = (...text: string[]) => Buffer.from(text.join("").replaceAll(" ", ""), "hex");
const NONE = Buffer.alloc(0);

function mac(name: string): MacAlgorithm {
  const found = MACS[name];
  assert.ok(found);
  return found;
}

/** SHAKE256 of a label: bytes that anybody can make again. */
function expand(label: string, length: number): Buffer {
  return createHash("shake256", { outputLength: Math.max(1, length) })
    .update(label)
    .digest()
    .subarray(0, length);
}

/** Length of the message, which is also the nonce, and the tags of 64 and of 128 bits (libnettle's umac64 and umac128). */
const NETTLE: readonly (readonly [number, string, string])[] = [
  [0, "2a8ce0313133838c", "2a8ce0313133838cc8705a68e4baf262"],
  [1, "b596b510c3cd5f6c", "8cf0b12f37560dc73b22baa90db3078c"],
  [31, "60adad7a7bde168c", "be561f9919f8aedc8536a0e383576467"],
  [32, "b91b15593d2acbac", "b91b15593d2acbac4c1037fc3ac03438"],
  [33, "2e54d314dd5e0a94", "a135c557732054a1251661ab81903644"],
  [63, "0edd207fe4b7300f", "bde255ac9d51d2eb2dae8ff4c4ed4cea"],
  [64, "3bc16f7e64cd2c0f", "3bc16f7e64cd2c0f1790850044e79bbd"],
  [65, "0ba54dd3be1cf811", "eba3510f0d1c54f0b410af76f3b1ad62"],
  [1023, "8ac9219e522ad95c", "5584fd59cc7074159f61666c8eb62d61"],
  [1024, "38c0109c6f977a98", "38c0109c6f977a987f150cbc96732598"],
  [1025, "5950620afc0fdbdf", "a2da65c507dbe23b23e926aa082afd23"],
  [1055, "74b61b484b116b82", "f3ef76b5f06fb263d0e0548f9d4126b0"],
  [1056, "11e68c9f77a0cb6a", "11e68c9f77a0cb6a7af877fe1244b188"],
  [1057, "b6e88bf485d74602", "501b96a330f44a3e90de0fc28a7ba391"],
  [2047, "90a5a580fd45f36e", "c358471744eb353fcca4af3ace9831c2"],
  [2048, "ca270a3693dcca00", "ca270a3693dcca0074d88b5c4cc87366"],
  [2049, "92e8eb480c008c91", "086b5a714f9f9933ea58565d45f952c1"],
  [32768, "c5349c2241e9b2ce", "c5349c2241e9b2ce54f1d186b0e4d185"],
  [35001, "e4b99fa3f4003084", "986ae20a3f7c30066fbb3681fc4fff23"],
  [262148, "0f85f341dd9aa862", "0f85f341dd9aa862505c392922c500bc"],
];

describe("key derivation (NIST CAVS 14.1 vectors for the SSH KDF, SHA-256, as in OpenSSL's evpkdf_ssh.txt)", () => {
  const source = {
    hash: "sha256",
    secret: hex(
      "000001010089b741b0b9a6704f56df9aafe5f4294828fdc67f4243e9aa9b1d83166ad892f2d970fdff65eba7fa5eddb954dd86bda5",
      "262e084752c69c6b93c729ad34e9728f7c838c49f0e87349ae35feef1610b83a345c64c5b190fb5857bf0aa8419efba35789c258f1",
      "9e8713e2729c184eab9d9c33a32ab3731d77e207a91849625bb855e581ca0be5d9f961aab9d65b463e416ee3d636ece573ead0d088",
      "a2fe05d87dd5ed21031f4dbea831112d3bd0e1cc1087a8395430cde3cb54d22a5965dd825329bee8c62d4599fb67ff90260204c6e6",
      "08e6246f768e29a60cb85f580d4751f9c017cbf4e6062a160c6ff1d0c9d303a2c862a4986e22f72da79b17b868cee189a2",
    ),
    exchangeHash: hex("61e49599eb3b01e3d7bc65415ce7004e20bf77805a4ff09681f3856adc129943"),
    sessionId: hex("832400eb1c4031502f7249d0a4279a7cbe4d4d6979289d02837d98b9ca16ff46"),
  } as const;
  for (const [letter, expected] of Object.entries({
    A: "7b91adc6eb48a6f82a8990efd2537903",
    B: "814c8fb54a535b38d4c2301aa49ad702",
    C: "3ec64c8571c7c7f39a9f37c0e1053324",
    D: "846d40dc45123f2710e27bd3140070c8",
    E: "c2199b9bd701c2f4ee82a145adc28f3e8fac0af8dd43cb7f3da173681bcad2e0",
    F: "49f5fb8862a4f01900f9f76d6146f181483428beadb000d4f5097adf59c5eb99",
  }))
    it(letter, () => {
      assert.equal(deriveKey(source, letter, expected.length / 2).toString("hex"), expected);
    });
});

it("mpint (RFC 4251 section 5's examples)", () => {
  assert.equal(asMpint(Buffer.of(0)).toString("hex"), "00000000");
  assert.equal(asMpint(hex("09a378f9b2e332a7")).toString("hex"), "0000000809a378f9b2e332a7");
  assert.equal(asMpint(hex("0080")).toString("hex"), "000000020080");
});

describe("AES counter mode (NIST SP 800-38A, F.5.1, F.5.3, F.5.5)", () => {
  const clear = hex(
    "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51",
    "30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710",
  );
  const iv = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
  const rows = [
    [
      "aes-128-ctr",
      "2b7e151628aed2a6abf7158809cf4f3c",
      "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
    ],
    [
      "aes-192-ctr",
      "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
      "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e941e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050",
    ],
    [
      "aes-256-ctr",
      "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
      "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
    ],
  ] as const;
  for (const [algorithm, key, expected] of rows)
    it(algorithm, () => {
      const keys = { key: hex(key), iv, macKey: Buffer.alloc(32, 1) };
      const sealer = new AesCtrSealer(algorithm, mac("hmac-sha2-256"), keys);
      const packet = Buffer.concat([clear, Buffer.alloc(32)]);
      sealer.seal(packet, 0, clear.length, 0);
      assert.equal(packet.subarray(0, clear.length).toString("hex"), expected);
      const opener = new AesCtrOpener(algorithm, mac("hmac-sha2-256"), keys);
      opener.length(packet, 0);
      assert.deepEqual(opener.open(packet, 0, clear.length - 4, 0), clear.subarray(4));
    });
});

describe("HMAC over sequence number and packet", () => {
  // Test case 2 of RFC 4231 and of RFC 2202: the first four characters stand where SSH has the sequence number.
  const data = Buffer.from("what do ya want for nothing?");
  const rows = {
    "hmac-sha2-256": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    "hmac-sha2-512":
      "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
    "hmac-sha1": "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
  };
  for (const [name, expected] of Object.entries(rows))
    it(name, () => {
      const hmac = mac(name).start(Buffer.from("Jefe"));
      assert.equal(hmac.tag(data.readUInt32BE(), data.subarray(4)).toString("hex"), expected);
    });
});

describe("UMAC (RFC 4418, appendix)", () => {
  const key = Buffer.from("abcdefghijklmnop");
  const nonce = Buffer.from("bcdefghi");
  // Of 96 bits the RFC has tags, which are the first 96 of 128.
  const rows = [
    ["", "6e155fad26900be1", "32fedb100c79ad58f07ff764"],
    ["a".repeat(3), "44b5cb542f220104", "185e4fe905cba7bd85e4c2dc"],
    ["a".repeat(2 ** 10), "26bf2f5d60118bd9", "7a54abe04af82d60fb298c3c"],
    ["a".repeat(2 ** 15), "27f8ef643b0d118d", "7b136bd911e4b734286ef2be"],
    ["abc", "d4d7b9f6bd4fbfcf", "883c3d4b97a61976ffcf2323"],
    ["abc".repeat(500), "d4cf26ddefd5c01a", "8824a260c53c66a36c9260a6"],
  ] as const;
  for (const [text, of64, of96] of rows)
    it(`${text.length} bytes`, () => {
      const tag = (length: 8 | 16) =>
        new Umac(key, length)
          .tagFor(nonce.readUInt32BE(0), nonce.readUInt32BE(4), Buffer.from(text))
          .toString("hex");
      assert.equal(tag(8), of64);
      assert.equal(tag(16).slice(0, 24), of96);
    });
  it("as Nettle 3.8 computes it, at each edge of its layers, with new keys and nonces each time", () => {
    for (const [length, of64, of128] of NETTLE) {
      const [message, own] = [expand("message", length), expand("key", 16 + length).subarray(length)];
      assert.equal(new Umac(own, 8).tag(length, message).toString("hex"), of64, `${length} bytes`);
      assert.equal(new Umac(own, 16).tag(length, message).toString("hex"), of128, `${length} bytes`);
    }
  });
});

it("Poly1305 (RFC 8439 section 2.5.2)", () => {
  const key = hex("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b");
  const tag = poly1305(key, Buffer.from("Cryptographic Forum Research Group"));
  assert.equal(tag.toString("hex"), "a8061dc1305136c6c22b8baf0c0127a9");
});

it("ChaCha20-Poly1305 (draft-ietf-sshm-chacha20-poly1305-02, appendix A)", () => {
  const key = hex(
    "8bbff6855fc102338c373e73aac0c914f076a905b2444a32eecaffeae22becc5",
    "e9b7a7a5825a8249346ec1c28301cf394543fc7569887d76e168f37562ac0740",
  );
  const clear = hex(
    "00000048 065e00000000000000384c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e7365637465747572",
    "2061646970697369 63696e6720656c69744e43e804dc6c",
  );
  const sealed = hex(
    "2c3ecce4 a5bc05895bf07a7ba956b6c68829ac7c83b780b7000ecde745afc705bbc378ce03a280236b87b53bed5839662302b164",
    "b6286a48cd1e097138e3cb909b8b2b829dd18d2a35ff82d9 95349e855bf02c298ef775f2d1a7e8b8",
  );
  const packet = Buffer.concat([clear, Buffer.alloc(16)]);
  new ChaChaPolySealer({ key, iv: NONE, macKey: NONE }).seal(packet, 0, clear.length, 7);
  assert.equal(packet.toString("hex"), sealed.toString("hex"));
  const opener = new ChaChaPolyOpener({ key, iv: NONE, macKey: NONE });
  assert.equal(opener.length(packet, 0, 7), 0x48);
  assert.deepEqual(opener.open(packet, 0, 0x48, 7), clear.subarray(4));
  assert.equal(opener.open(packet, 0, 0x48, 8), undefined);
});

it("AES-GCM's nonce: the last eight bytes count packets and wrap, the first four stay (RFC 5647 section 7.1)", () => {
  const keys = { key: Buffer.alloc(16, 7), iv: hex("01020304 fffffffffffffffe"), macKey: NONE };
  const sealer = new AesGcmSealer("aes-128-gcm", keys);
  for (const nonce of ["01020304fffffffffffffffe", "01020304ffffffffffffffff", "010203040000000000000000"]) {
    const packet = Buffer.concat([hex("00000010"), Buffer.alloc(16, 5), Buffer.alloc(16)]);
    sealer.seal(packet, 0, 20);
    const cipher = createCipheriv("aes-128-gcm", keys.key, hex(nonce)).setAAD(hex("00000010"));
    const expected = Buffer.concat([cipher.update(Buffer.alloc(16, 5)), cipher.final(), cipher.getAuthTag()]);
    assert.deepEqual(packet.subarray(4), expected);
  }
});

it("HASSH joins four of the client's lists with semicolons", () => {
  const offer = symmetricOffer({
    kex: ["a", "b"],
    hostKey: ["x"],
    cipher: ["c", "d"],
    mac: ["e"],
    compression: ["none", "f"],
  });
  assert.equal(hassh(offer), createHash("md5").update("a,b;c,d;e;none,f").digest("hex"));
});
