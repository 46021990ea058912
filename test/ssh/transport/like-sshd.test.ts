/** The same misbehaviour towards a real sshd and towards us: the same answers, or the test fails. */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { after, before, describe, it } from "node:test";
import { hostKeyBlob } from "../../../gateway/ssh/userauth/host-key.ts";
import { startSshd, type Sshd } from "../relay/sshd.ts";
import { likeSshdBeforeLogin, listen, type Listener } from "./listener.ts";
import { payload, Probe, type ProbeOptions, SERVICE_REQUEST, string } from "./probe.ts";

type Script = (probe: Probe) => Promise<void> | void;

const BODY = Buffer.concat([Buffer.of(0, 0, 0, 2), string("x"), string("")]);
const TYPES = [0, 1, 2, 3, 4, 5, 7, 20, 21, 30, 31, 49, 50, 80, 192];

/** A packet in clear, with every field as one likes it. */
function framed(length: number, padding: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(length >>> 0);
  head[4] = padding;
  return Buffer.concat([head, body]);
}

const IDENTIFICATIONS: Record<string, string> = {
  "an HTTP request": "GET / HTTP/1.0\r\n\r\n",
  "a TLS hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n",
  "SSH-1337": "SSH-1337\r\n",
  "lower case": "ssh-2.0-x\r\n",
  "SSH-1.5": "SSH-1.5-x\r\n",
  "SSH-1.99": "SSH-1.99-x\r\n",
  "SSH-3.0": "SSH-3.0-x\r\n",
  "SSH-2.2": "SSH-2.2-x\r\n",
  "SSH-2.00": "SSH-2.00-x\r\n",
  "no software": "SSH-2.0-\r\n",
  "software of one space": "SSH-2.0- \r\n",
  "a sign and a space before the number": "SSH- +2.0-x\r\n",
  "a number that overflows to 2": "SSH-4294967298.0-x\r\n",
  "a number over 64 bits": "SSH-99999999999999999999999.0-x\r\n",
  "no minor": "SSH-2-x\r\n",
  "line feed alone": "SSH-2.0-x\n",
  "two carriage returns": "SSH-2.0-x\r\r\n",
  "text after a carriage return": "SSH-2.0-x\rabc\r\n",
  "a NUL": "SSH-2.0-x\0\r\n",
  "only NULs": "\0\0\0\0",
  "a line before": "hello\r\nSSH-2.0-x\r\n",
  "an empty line before": "\r\nSSH-2.0-x\r\n",
  "eight carriage returns": "\r\r\r\r\r\r\r\r",
  "8192 bytes": `SSH-2.0-${"a".repeat(8184)}\r\n`,
  "8193 bytes": `SSH-2.0-${"a".repeat(8185)}\r\n`,
  "9000 bytes without an end": "a".repeat(9000),
  "a scanner": "SSH-2.0-SSH_Version_Mapper\r\n",
  "an older scanner": "SSH-1.0-SSH_Version_Mapper\r\n",
  "a probe": "SSH-2.0-Probe-1\r\n",
  "high bytes": "SSH-2.0-\xff\xfe\r\n",
};

const FRAMES: Record<string, Buffer> = {
  "no padding": framed(12, 0, Buffer.alloc(11, 2)),
  "padding of 3": framed(12, 3, Buffer.alloc(11, 2)),
  "padding over everything": framed(12, 11, Buffer.alloc(11, 2)),
  "padding past the end": framed(12, 200, Buffer.alloc(11, 2)),
  "length 4": framed(4, 4, Buffer.alloc(11, 2)),
  "length 0": framed(0, 4, Buffer.alloc(11, 2)),
  "length off the block": framed(13, 4, Buffer.alloc(12, 2)),
  "length 256 KiB and a block": framed(262_148, 4, Buffer.alloc(11, 2)),
  "length 4 GiB": framed(0xffffffff, 4, Buffer.alloc(11, 2)),
  "an HTTP request": Buffer.from("GET / HTTP/1.0\r\n\r\n"),
  "IGNORE of 256 KiB": framed(262_140, 4, Buffer.concat([Buffer.of(2), Buffer.alloc(262_138)])),
};

describe("what a stock sshd answers, we answer", { concurrency: 16 }, () => {
  let sshd: Sshd;
  let ours: Listener;
  const probes: { name: string; options?: Omit<ProbeOptions, "patience">; script: Script }[] = [];
  const add = (name: string, script: Script, options?: Omit<ProbeOptions, "patience">) => {
    probes.push({ name, script, ...(options ? { options } : {}) });
  };

  before(async () => {
    sshd = await startSshd();
    ours = await listen(likeSshdBeforeLogin, { hostKeys: sshd.hostKeys });
  });
  after(async () => {
    await ours[Symbol.asyncDispose]();
    await sshd[Symbol.asyncDispose]();
  });

  for (const [name, text] of Object.entries(IDENTIFICATIONS))
    add(`identification: ${name}`, (probe) => {
      probe.raw(text);
    });
  add("identification in single bytes", async (probe) => {
    for (const character of "SSH-2.0-slow\r\n") {
      probe.raw(character);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  for (const [name, bytes] of Object.entries(FRAMES)) {
    add(`in clear: ${name}`, async (probe) => {
      probe.identify();
      await probe.quiet();
      probe.raw(bytes);
    });
    // In a cipher stream, where the length is what the frame says only with encrypt-then-MAC and GCM.
    for (const cipher of ["aes128-ctr", "aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"])
      add(
        `in ${cipher}: ${name}`,
        async (probe) => {
          await probe.ready();
          probe.raw(bytes);
        },
        { cipher },
      );
  }
  for (const strict of [true, false]) {
    const kind = strict ? "strict" : "not strict";
    for (const type of TYPES) {
      const bytes = Buffer.concat([Buffer.of(type), type === 20 ? Buffer.alloc(0) : BODY]);
      add(
        `${kind}: type ${type} before KEXINIT`,
        async (probe) => {
          probe.identify();
          await probe.quiet();
          probe.packet(bytes);
          await probe.quiet();
          probe.kexInit();
          await probe.go();
        },
        { strict },
      );
      add(
        `${kind}: type ${type} after KEXINIT`,
        async (probe) => {
          probe.identify();
          probe.kexInit();
          await probe.quiet();
          probe.packet(bytes);
          await probe.go();
        },
        { strict },
      );
      add(
        `${kind}: type ${type} before NEWKEYS`,
        async (probe) => {
          await probe.untilNewKeys();
          probe.packet(bytes);
          await probe.go();
          probe.packet(SERVICE_REQUEST);
        },
        { strict },
      );
      add(
        `${kind}: type ${type} after NEWKEYS`,
        async (probe) => {
          await probe.ready();
          probe.packet(bytes);
          await probe.quiet();
          probe.packet(SERVICE_REQUEST);
        },
        { strict },
      );
    }
  }
  for (const [name, value] of Object.entries({
    "all zero": Buffer.alloc(32),
    "31 bytes": Buffer.alloc(31, 9),
    "33 bytes": Buffer.alloc(33, 9),
    empty: Buffer.alloc(0),
  }))
    add(`curve25519 value: ${name}`, async (probe) => {
      probe.identify();
      probe.kexInit();
      await probe.quiet();
      probe.packet(payload(30, string(value)));
    });
  add("curve25519 value with trailing bytes", async (probe) => {
    probe.identify();
    probe.kexInit();
    await probe.quiet();
    probe.packet(payload(30, string(Buffer.alloc(32, 9)), Buffer.of(0)));
  });
  // Elliptic curve points, hybrid values and Diffie-Hellman numbers that are none; the right ones are in other tests.
  const VALUES: Record<string, Record<string, Buffer>> = {
    "ecdh-sha2-nistp256": {
      empty: Buffer.alloc(0),
      "the point at infinity": Buffer.of(0),
      "a point off the curve": Buffer.concat([Buffer.of(4), Buffer.alloc(64, 9)]),
      "all zero": Buffer.concat([Buffer.of(4), Buffer.alloc(64)]),
      "a compressed point": Buffer.concat([Buffer.of(2), Buffer.alloc(32, 1)]),
    },
    "sntrup761x25519-sha512@openssh.com": {
      empty: Buffer.alloc(0),
      "one byte short": Buffer.alloc(1189, 9),
      "one byte long": Buffer.alloc(1191, 9),
      "all zero": Buffer.alloc(1190),
      "an X25519 value of zeros": Buffer.concat([Buffer.alloc(1158, 7), Buffer.alloc(32)]),
      "bytes as they come": Buffer.alloc(1190, 9),
      "bytes as high as they get": Buffer.alloc(1190, 0xff),
    },
    "diffie-hellman-group14-sha256": {
      empty: Buffer.alloc(0),
      "0": Buffer.of(0),
      "1": Buffer.of(1),
      "2, of one bit": Buffer.of(2),
      negative: Buffer.of(0x80),
      "a short one": Buffer.of(0x0f),
      "zeros before it": Buffer.concat([Buffer.alloc(20), Buffer.alloc(200, 9)]),
      "over the prime": Buffer.concat([Buffer.of(0), Buffer.alloc(256, 0xff)]),
      "far over it": Buffer.alloc(300, 9),
    },
  };
  for (const [kex, values] of Object.entries(VALUES))
    for (const [name, value] of Object.entries(values))
      add(
        `${kex}, ${name}`,
        async (probe) => {
          probe.identify();
          probe.kexInit();
          await probe.quiet();
          probe.packet(payload(30, string(value)));
        },
        { kex, byHand: true },
      );
  add("KEXINIT with trailing bytes", async (probe) => {
    probe.identify();
    await probe.quiet();
    probe.packet(
      payload(20, Buffer.alloc(16), ...Array.from({ length: 10 }, () => string("")), Buffer.alloc(6)),
    );
  });
  add("KEXINIT without a common algorithm", async (probe) => {
    probe.identify();
    await probe.quiet();
    probe.packet(
      payload(20, Buffer.alloc(16), ...Array.from({ length: 10 }, () => string("x")), Buffer.alloc(5)),
    );
  });
  add(
    "a wrong guess is passed over",
    async (probe) => {
      probe.identify();
      probe.kexInit();
      probe.packet(payload(30, string("guessed for another key exchange")));
      await probe.go();
      probe.packet(SERVICE_REQUEST);
    },
    { guess: true, kex: "ecdh-sha2-nistp521" },
  );
  add("end of input at once", (probe) => {
    probe.socket.end();
  });
  add("end of input after the identification", async (probe) => {
    probe.identify();
    await probe.quiet();
    probe.socket.end();
  });

  for (const { name, options, script } of probes)
    it(name, async () => {
      const keys = sshd.hostKeys.map(hostKeyBlob);
      const hear = async (port: number, patience: number) => {
        const probe = new Probe(port, keys, { ...options, patience });
        await script(probe);
        await probe.quiet();
        probe.socket.destroy();
        const { text, packets, ended } = probe.heard;
        // What each says of itself is the persona's business: identification line, and lists in EXT_INFO.
        return {
          text: text.replace(/^SSH-2.0-.*\r\n/, ""),
          packets: packets.map((line) => line.replace(/^7:.*/, "7")),
          ended,
        };
      };
      // On a busy machine an answer may come after we thought there is none: ask again with more patience before saying so.
      for (const patience of [150, 500, 2000, 6000]) {
        const [theirs, mine] = await Promise.all([hear(sshd.port, patience), hear(ours.port, patience)]);
        if (patience === 6000 || isDeepStrictEqual(mine, theirs)) {
          assert.deepEqual(mine, theirs);
          break;
        }
      }
    });
});
