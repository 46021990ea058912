/** diffie-hellman-group-exchange-sha256: the same answers as sshd's with the same file of groups, whatever is asked for. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { Modulus } from "../../../gateway/model/persona.ts";
import { parseModuli } from "../../../gateway/sandbox/image/moduli.ts";
import { Reader } from "../../../gateway/ssh/messages/reader.ts";
import { u32 } from "../../../gateway/ssh/messages/writer.ts";
import { chooseGroup } from "../../../gateway/ssh/transport/kex/group-choice.ts";
import { hostKeyBlob } from "../../../gateway/ssh/userauth/host-key.ts";
import { startSshd, type Sshd } from "../relay/sshd.ts";
import { likeSshdBeforeLogin, listen, type Listener } from "./listener.ts";
import { payload, Probe, string } from "./probe.ts";

const FILE = "/etc/ssh/moduli";
const OLD_REQUEST = 30;
const [INIT, REQUEST] = [32, 34];

function request(least: number, wanted: number, most: number): Buffer {
  return payload(REQUEST, u32(least), u32(wanted), u32(most));
}

type Say = (bytes: Buffer) => Promise<void>;
/** What is said after KEXINIT; `prime` is the one that the server has sent last. */
type Script = (say: Say, prime: () => Buffer) => Promise<void>;

function plus(number: Buffer, more: bigint): Buffer {
  const hex = (BigInt(`0x${number.toString("hex")}`) + more).toString(16);
  return Buffer.from(hex.length % 2 === 0 ? `00${hex}` : `0${hex}`, "hex");
}

const SIZES: readonly (readonly [number, number, number])[] = [
  [2048, 2048, 2048],
  [2048, 2048, 8192],
  [2048, 3072, 8192],
  [2048, 4096, 8192],
  [2048, 7680, 8192],
  [2048, 8192, 8192],
  [1024, 1024, 8192],
  [0, 0, 8192],
  [1, 2048, 2047],
  [0, 0, 0],
  [2048, 2048, 1024],
  [4096, 2048, 8192],
  [2048, 9000, 8192],
  [2048, 8192, 16384],
  [8192, 8192, 8192],
  [8193, 8193, 8193],
  [9000, 9000, 16384],
  [2048, 2500, 2600],
  [2100, 2500, 3000],
  [5000, 5000, 5500],
  [2100, 2200, 2300],
  [4294967295, 4294967295, 4294967295],
  [0, 4294967295, 4294967295],
  [3072, 2048, 2048],
  [2048, 6144, 7000],
  [1024, 2048, 4096],
];

const SCRIPTS: Record<string, Script> = {
  "INIT before REQUEST": (say) => say(payload(INIT, string(randomBytes(200)))),
  "REQUEST of the old kind": (say) => say(payload(OLD_REQUEST, u32(2048))),
  "REQUEST twice": async (say) => {
    await say(request(2048, 2048, 8192));
    await say(request(2048, 2048, 8192));
  },
  "REQUEST cut short": (say) => say(payload(REQUEST, u32(2048), u32(2048))),
  "REQUEST with trailing bytes": (say) =>
    say(payload(REQUEST, u32(2048), u32(2048), u32(8192), Buffer.of(0))),
  "the server's own message": (say) => say(payload(31, string(Buffer.of(1)), string(Buffer.of(2)))),
  "the server's last message": (say) => say(payload(33, string(""), string(""), string(""))),
  "a type that is not the method's": (say) => say(payload(35, u32(0))),
};

const VALUES: Record<string, (prime: Buffer) => Buffer> = {
  nothing: () => Buffer.alloc(0),
  "0": () => Buffer.of(0),
  "1": () => Buffer.of(1),
  "2": () => Buffer.of(2),
  "a negative number": () => Buffer.alloc(256, 0x80),
  "p - 1": (prime) => plus(prime, -1n),
  p: (prime) => plus(prime, 0n),
  "p + 3": (prime) => plus(prime, 3n),
  "far more than p": (prime) => Buffer.alloc(2 * prime.length, 9),
  "a small number of four bits": () => Buffer.of(0x0f),
  "a number with zeros before it": () => Buffer.concat([Buffer.alloc(9), Buffer.alloc(200, 9)]),
};

describe("group exchange as sshd has it", { concurrency: 12 }, () => {
  let sshd: Sshd;
  let ours: Listener;
  before(async () => {
    assert.ok(existsSync(FILE), `this test needs ${FILE}: apt-get install openssh-server`);
    sshd = await startSshd();
    const moduli = parseModuli(readFileSync(FILE, "latin1"));
    ours = await listen(likeSshdBeforeLogin, { hostKeys: sshd.hostKeys, moduli });
  });
  after(async () => {
    await ours[Symbol.asyncDispose]();
    await sshd[Symbol.asyncDispose]();
  });

  const same = (name: string, script: Script, strict = true, software?: string) => {
    void it(name, async () => {
      const hear = async (port: number, patience: number) => {
        const probe = new Probe(port, sshd.hostKeys.map(hostKeyBlob), {
          kex: "diffie-hellman-group-exchange-sha256",
          byHand: true,
          strict,
          patience,
          ...(software === undefined ? {} : { identification: `SSH-2.0-${software}` }),
        });
        let prime = Buffer.alloc(0);
        probe.onPacket = (bytes) => {
          if (bytes[0] === 31 && prime.length === 0) prime = new Reader(bytes, 1).string() as typeof prime;
        };
        probe.identify();
        probe.kexInit();
        await probe.quiet();
        const say = async (bytes: Buffer) => {
          probe.packet(bytes);
          await probe.quiet();
        };
        await script(say, () => prime);
        probe.socket.destroy();
        // The REPLY is random, and so is its length by a few bytes.
        const packets = probe.heard.packets.map((line) => line.replace(/^33:.*/, "33"));
        return { packets: packets.filter((line) => !line.startsWith("7:")), ended: probe.heard.ended };
      };
      // As in like-sshd.test.ts: on a busy machine an answer may come late.
      for (const patience of [150, 500, 2000, 6000]) {
        const [theirs, mine] = await Promise.all([hear(sshd.port, patience), hear(ours.port, patience)]);
        const isWhole = !name.startsWith("INIT with") || theirs.packets.some((line) => line.startsWith("31"));
        if (patience === 6000 || (isWhole && isDeepStrictEqual(mine, theirs))) {
          assert.ok(isWhole, "sshd's prime did not come");
          assert.deepEqual(mine, theirs);
          break;
        }
      }
    });
  };

  for (const sizes of SIZES) same(`sizes ${sizes.join(", ")}`, (say) => say(request(...sizes)));
  // OpenSSH's bound for them is its client's; a server does not know it.
  for (const software of ["Cisco-1.25", "Cisco-2.0", "OpenSSH_5.3"])
    same(`8192 bits for ${software}`, (say) => say(request(2048, 8192, 8192)), true, software);
  for (const [name, script] of Object.entries(SCRIPTS)) {
    same(`${name}, strict`, script);
    same(`${name}, not strict`, script, false);
  }
  for (const [name, value] of Object.entries(VALUES))
    same(`INIT with ${name}`, async (say, prime) => {
      await say(request(2048, 2048, 2048));
      // On a busy machine it may not have come yet: then both are asked again.
      const last = prime();
      if (last.length > 0) await say(payload(INIT, string(value(last))));
    });
  same("INIT with trailing bytes", async (say) => {
    await say(request(2048, 2048, 2048));
    await say(payload(INIT, string(Buffer.alloc(200, 9)), Buffer.of(0)));
  });
  same("INIT twice", async (say) => {
    await say(request(2048, 2048, 2048));
    await say(payload(INIT, string(Buffer.alloc(200, 9))));
    await say(payload(INIT, string(Buffer.alloc(200, 9))));
  });
});

describe("which group", () => {
  const moduli: Modulus[] = [2048, 2048, 3072, 4096, 8192].map((bits, index) => ({
    bits,
    generator: 2 + (index % 2) * 3,
    prime: `${bits}${index}`.padEnd(6, "0"),
  }));
  const choose = (least: number, wanted: number, most: number) => {
    const seen = new Set<string>();
    for (let round = 0; round < 60; round++)
      seen.add(chooseGroup(moduli, { least, wanted, most }).prime.toString("hex"));
    return [...seen].sort();
  };
  it("is one of those of the size that is asked for, any of them", () => {
    assert.deepEqual(choose(2048, 2048, 8192), ["204800", "204810"]);
    assert.deepEqual(choose(2048, 3000, 8192), ["307220"]);
    assert.deepEqual(choose(2048, 8192, 8192), ["819240"]);
    assert.deepEqual(choose(2048, 6000, 7000), ["409630"]);
  });
  it("is a built-in one where the file has none", () => {
    const bits = (least: number, most: number) =>
      chooseGroup([], { least, wanted: least, most }).prime.length * 8;
    assert.deepEqual([bits(2048, 3000), bits(2048, 6000), bits(2048, 8192)], [2048, 4096, 8192]);
  });
});

it("lines of the file that sshd would leave out are left out", () => {
  const prime = `F${"0".repeat(510)}1`;
  const line = (...fields: (string | number)[]) => fields.join(" ");
  const read = (text: string) => parseModuli(text).length;
  assert.equal(read(line(20230101000000, 2, 6, 100, 2047, 2, prime)), 1);
  assert.equal(read(line("#", 2, 6, 100, 2047, 2, prime)), 0);
  assert.equal(read(line(20230101000000, 4, 6, 100, 2047, 2, prime)), 0, "not a safe prime");
  assert.equal(read(line(20230101000000, 2, 7, 100, 2047, 2, prime)), 0, "composite");
  assert.equal(read(line(20230101000000, 2, 0, 100, 2047, 2, prime)), 0, "not tested");
  assert.equal(read(line(20230101000000, 2, 6, 0, 2047, 2, prime)), 0, "not tried");
  assert.equal(read(line(20230101000000, 2, 6, 100, 3071, 2, prime)), 0, "of another size");
  assert.equal(read(line(20230101000000, 2, 6, 100, 2047, 1, prime)), 0, "generator 1");
  assert.equal(read("2 2 2\n\0\xff\n"), 0);
});
