/** Packets in clear: frames that are none, numbers that are out of place, and key exchanges that cannot be. */
import type { Phase, Probe } from "../compare.ts";
import { message, str, u32 } from "../encoding.ts";
import { EXT_INFO, OFFER, STRICT } from "../key-exchange.ts";

/** A packet with every field as one likes it. */
export function framed(length: number, padding: number, body: Buffer): Buffer {
  return Buffer.concat([u32(length), Buffer.of(padding), body]);
}

export const FRAMES: Record<string, Buffer> = {
  "no padding": framed(12, 0, Buffer.alloc(11, 2)),
  "padding of 1": framed(12, 1, Buffer.alloc(11, 2)),
  "padding of 3": framed(12, 3, Buffer.alloc(11, 2)),
  "padding over everything": framed(12, 11, Buffer.alloc(11, 2)),
  "padding of all but one": framed(12, 10, Buffer.alloc(11, 2)),
  "padding past the end": framed(12, 200, Buffer.alloc(11, 2)),
  "length 0": framed(0, 4, Buffer.alloc(11, 2)),
  "length 1": framed(1, 4, Buffer.alloc(11, 2)),
  "length 4": framed(4, 4, Buffer.alloc(11, 2)),
  "length 5": framed(5, 4, Buffer.alloc(11, 2)),
  "length off the block": framed(13, 4, Buffer.alloc(12, 2)),
  "length 35,000": framed(35_000, 4, Buffer.alloc(11, 2)),
  "length 256 KiB less 4": framed(262_140, 4, Buffer.alloc(11, 2)),
  "length 256 KiB": framed(262_144, 4, Buffer.alloc(11, 2)),
  "length 256 KiB and a block": framed(262_148, 4, Buffer.alloc(11, 2)),
  "length 2 GiB": framed(0x7fffffff, 4, Buffer.alloc(11, 2)),
  "length 4 GiB": framed(0xffffffff, 4, Buffer.alloc(11, 2)),
  "an HTTP request": Buffer.from("GET / HTTP/1.0\r\n\r\n"),
  "line feeds": Buffer.from("\n".repeat(16)),
  "an IGNORE of 256 KiB": framed(262_140, 4, Buffer.concat([Buffer.of(2), Buffer.alloc(262_138)])),
};

const BODY = Buffer.concat([u32(2), str("x"), str("")]);

/** Type 20 has no body: one that is no KEXINIT has a probe of its own. */
export function numbered(type: number): Buffer {
  return Buffer.concat([Buffer.of(type), type === 20 ? Buffer.alloc(0) : BODY]);
}

const EXCHANGES: Record<string, { readonly offer: Partial<typeof OFFER>; readonly guess?: boolean }> = {
  "no common key exchange": { offer: { kex: ["x"] } },
  "an empty key exchange list": { offer: { kex: [] } },
  "no common host key": { offer: { hostKey: ["x"] } },
  "no common cipher": { offer: { cipher: ["x"] } },
  "no common MAC": { offer: { mac: ["x"] } },
  "no common compression": { offer: { compression: ["x"] } },
  "zlib before login": { offer: { compression: ["zlib"] } },
  "ssh-rsa alone": { offer: { hostKey: ["ssh-rsa"] } },
  "ssh-dss alone": { offer: { hostKey: ["ssh-dss"] } },
  "3des alone": { offer: { cipher: ["3des-cbc"] } },
  "group 1 alone": { offer: { kex: ["diffie-hellman-group1-sha1"] } },
  "no cipher, no MAC": { offer: { cipher: ["none"], mac: ["none"] } },
  "a GCM cipher without a MAC": { offer: { cipher: ["aes128-gcm@openssh.com"], mac: ["x"] } },
  "ext-info alone": { offer: { kex: [EXT_INFO] } },
  "a wrong guess": { offer: { kex: ["x", "curve25519-sha256"] }, guess: true },
  "a right guess": { offer: {}, guess: true },
  "names of 10 kB": { offer: { kex: ["x".repeat(10_000), "curve25519-sha256"] } },
  "a thousand names": {
    offer: { cipher: [...Array.from({ length: 1000 }, (_, i) => `c${i}`), "aes128-ctr"] },
  },
  "its extensions behind forty names": {
    offer: { kex: [...Array.from({ length: 40 }, (_, i) => `k${i}`), "curve25519-sha256", EXT_INFO, STRICT] },
  },
  "its extensions as the last of forty names": {
    offer: { kex: [...Array.from({ length: 37 }, (_, i) => `k${i}`), "curve25519-sha256", EXT_INFO, STRICT] },
  },
  "empty names": { offer: { kex: ["", "", "curve25519-sha256", ""] } },
};

const VALUES: Record<string, Buffer> = {
  "all zero": Buffer.alloc(32),
  one: Buffer.concat([Buffer.of(1), Buffer.alloc(31)]),
  "31 bytes": Buffer.alloc(31, 9),
  "33 bytes": Buffer.alloc(33, 9),
  empty: Buffer.alloc(0),
};

const BLANK = Array.from({ length: 10 }, () => str(""));
const INITS: Record<string, Buffer> = {
  "nothing but its number": Buffer.of(20),
  "a cookie that is cut": message(20, Buffer.alloc(10)),
  "lists that are missing": message(20, Buffer.alloc(16), str("x")),
  "trailing bytes": message(20, Buffer.alloc(16), ...BLANK, Buffer.alloc(6)),
  "no last field": message(20, Buffer.alloc(16), ...BLANK, Buffer.alloc(1)),
  "lists that are empty": message(20, Buffer.alloc(16), ...BLANK, Buffer.alloc(5)),
  "a NUL in a list": message(20, Buffer.alloc(16), str("a\0b"), ...BLANK.slice(1), Buffer.alloc(5)),
};

const init = async (prober: Parameters<Probe["script"]>[0]) => {
  await prober.greet();
  prober.sayKexInit();
};

export const clear: Phase = {
  name: "packets in clear",
  concurrency: 24,
  probes: [
    ...Object.entries(FRAMES).map(([name, bytes]): Probe => ({
      name,
      script: async (prober) => {
        await prober.greet();
        prober.raw(bytes);
      },
    })),
    ...Object.entries(EXCHANGES).map(([name, { offer, guess }]): Probe => ({
      name,
      options: { offer },
      script: async (prober) => {
        await prober.greet();
        prober.sayKexInit(guess ?? false);
        prober.sayKexValue();
      },
    })),
    ...Object.entries(INITS).map(([name, bytes]): Probe => ({
      name: `KEXINIT: ${name}`,
      script: async (prober) => {
        await prober.greet();
        prober.say(bytes);
      },
    })),
    ...Object.entries(VALUES).map(([name, value]): Probe => ({
      name: `curve25519 value: ${name}`,
      script: async (prober) => {
        await init(prober);
        prober.say(message(30, str(value)));
      },
    })),
    {
      name: "curve25519 value: trailing bytes",
      script: async (prober) => {
        await init(prober);
        prober.say(message(30, str(Buffer.alloc(32, 9)), 0));
      },
    },
    {
      name: "two KEXINIT",
      script: async (prober) => {
        await init(prober);
        prober.sayKexInit();
      },
    },
    {
      name: "two values",
      script: async (prober) => {
        await init(prober);
        prober.sayKexValue();
        // What is answered is the first.
        prober.say(message(30, str(Buffer.alloc(32, 9))));
      },
    },
    {
      name: "NEWKEYS before the value",
      script: async (prober) => {
        await init(prober);
        prober.say(Buffer.of(21));
      },
    },
    {
      name: "NEWKEYS with more behind it",
      script: async (prober) => {
        await prober.untilNewKeys();
        prober.say(Buffer.of(21, 0));
      },
    },
    {
      name: "two NEWKEYS",
      script: async (prober) => {
        await prober.untilNewKeys();
        prober.say(Buffer.of(21));
        prober.say(Buffer.of(21));
      },
    },
    {
      name: "everything at once",
      script: (prober) => {
        prober.identify();
        prober.sayKexInit();
        prober.sayKexValue();
      },
    },
    {
      name: "the end in the middle",
      script: async (prober) => {
        await init(prober);
        prober.endInput();
        await prober.until(() => prober.ended);
      },
    },
    {
      name: "a DISCONNECT",
      script: async (prober) => {
        await init(prober);
        prober.say(message(1, u32(11), "bye", ""));
      },
    },
  ],
};

const LONG = process.env["MITSUBAKO_SLOW"] === "1";

const WHEN: Record<string, (prober: Parameters<Probe["script"]>[0], type: number) => Promise<void>> = {
  "before KEXINIT": async (prober, type) => {
    await prober.greet();
    prober.say(numbered(type));
    await prober.quiet(); // else it is chance whether more is on its way when the server leaves, and a reset comes of it
    await prober.untilNewKeys();
  },
  "before NEWKEYS": async (prober, type) => {
    await prober.untilNewKeys();
    prober.say(numbered(type));
    await prober.quiet();
    prober.sayNewKeys();
    await prober.fence();
  },
};

/** Each number from 0 to 255, with the strict key exchange; without it, those that mean something to anybody, and all of them if there is time. */
export const numbersBeforeKeys: Phase[] = Object.entries(WHEN).map(([when, script]) => ({
  name: `message numbers ${when}`,
  concurrency: 16,
  probes: [true, false].flatMap((strict) =>
    Array.from({ length: strict || LONG ? 256 : 128 }, (_, type): Probe => {
      const kex = OFFER.kex.filter((name) => strict || name !== STRICT);
      return {
        name: `${type}${strict ? "" : ", not strict"}`,
        options: { offer: { kex } },
        script: (prober) => script(prober, type),
      };
    }),
  ),
}));
