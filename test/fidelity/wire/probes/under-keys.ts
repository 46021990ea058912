/** After the key exchange and before the login: frames, numbers, services, and every way to ask for a login. */
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import type { Phase, Probe, Script, Series } from "../compare.ts";
import { message, str, u32, type Field } from "../encoding.ts";
import { CIPHERS } from "../packets.ts";
import type { Prober } from "../prober.ts";
import { ALICE, ROOT } from "../targets.ts";
import { FRAMES, numbered } from "./before-keys.ts";

const SERVICE = message(5, "ssh-userauth");

export const request = (user: string, method: string, ...fields: readonly Field[]) =>
  message(50, user, "ssh-connection", method, ...fields);
export const password = (user: string, text: string) => request(user, "password", 0, text);

export const ready: Script = (prober) => prober.ready();

async function served(prober: Prober): Promise<void> {
  await prober.ready();
  await prober.ask(SERVICE);
}

const SPOILT: Record<string, (prober: Prober) => void> = {
  "a spoilt MAC": (prober) => {
    prober.say(SERVICE, { spoil: true });
  },
  "padding of 255": (prober) => {
    prober.say(Buffer.of(2, 0, 0, 0, 0), { padding: 240 });
  },
  "an empty payload": (prober) => {
    prober.say(Buffer.alloc(0));
  },
  "a payload of 256 KiB less a block": (prober) => {
    prober.say(Buffer.concat([Buffer.of(2), u32(262_000), Buffer.alloc(262_000)]));
  },
};

export const frames: Phase = {
  name: "frames under keys",
  concurrency: 16,
  probes: CIPHERS.flatMap((cipher) => [
    ...Object.entries(FRAMES).map(([name, bytes]): Probe => ({
      name: `${cipher}: ${name}`,
      options: { offer: { cipher: [cipher] } },
      script: async (prober) => {
        await prober.ready();
        prober.raw(bytes);
      },
      fenced: false,
    })),
    ...Object.entries(SPOILT).map(([name, spoil]): Probe => ({
      name: `${cipher}: ${name}`,
      options: { offer: { cipher: [cipher] } },
      script: async (prober) => {
        await prober.ready();
        spoil(prober);
      },
    })),
  ]),
};

/** In shares, which run beside each other. */
export function shared(
  name: string,
  begin: Script,
  payloads: readonly (readonly [string, Buffer])[],
): Series[] {
  const size = 16;
  return Array.from({ length: Math.ceil(payloads.length / size) }, (_, share) => ({
    name,
    begin,
    items: payloads.slice(share * size, (share + 1) * size).map(([item, payload]) => ({
      name: item,
      script: (prober: Prober) => {
        prober.say(payload);
      },
    })),
  }));
}

const ALL = Array.from({ length: 256 }, (_, type) => [`type ${type}`, numbered(type)] as const);

export const numbersBeforeLogin: Phase = {
  name: "message numbers before login",
  concurrency: 16,
  probes: [
    ...shared("before the service", ready, ALL),
    ...shared("after the service", served, ALL),
    ...shared(
      "after an attempt",
      async (prober) => {
        await served(prober);
        await prober.ask(request("root", "none"));
      },
      ALL.filter(([, payload]) => (payload[0] ?? 0) >= 50 && (payload[0] ?? 0) < 100),
    ),
  ],
};

/** As clients since OpenSSH 9.6 say it, between their NEWKEYS and the service. */
const IN_AUTH = message(7, u32(1), "ext-info-in-auth@openssh.com", "0");
const EXT_INFOS: Record<string, readonly Buffer[]> = {
  "an EXT_INFO, then a login": [IN_AUTH, SERVICE, message(50, "root", "ssh-connection", "none")],
  "an EXT_INFO twice": [IN_AUTH, IN_AUTH, SERVICE, message(50, "root", "ssh-connection", "none")],
  "an EXT_INFO of something else": [
    message(7, u32(1), "no-flow-control", "p"),
    SERVICE,
    message(50, "root", "ssh-connection", "none"),
  ],
  "an EXT_INFO that is cut": [message(7, u32(2), "ext-info-in-auth@openssh.com", "0"), SERVICE],
};

export const services: Phase = {
  name: "services",
  concurrency: 8,
  probes: [
    ...Object.entries(EXT_INFOS).map(([name, payloads]): Probe => ({
      name,
      script: async (prober) => {
        await prober.ready();
        for (const payload of payloads) {
          prober.say(payload);
          await prober.fence();
        }
      },
    })),
    {
      name: "services and what looks like them",
      begin: ready,
      items: Object.entries({
        "ssh-userauth": SERVICE,
        "ssh-userauth again": SERVICE,
        "ssh-connection": message(5, "ssh-connection"),
        "a foreign one": message(5, "foo"),
        "an empty one": message(5, ""),
        "one with a NUL": message(5, "ssh-userauth\0"),
        "one with a NUL in it": message(5, "ssh\0userauth"),
        "one of 5 kB": message(5, "x".repeat(5000)),
        "one with control characters": message(5, "\x1b[31m\r\n"),
        "one with high bytes": message(5, "\xff\xfe"),
        "one with more behind it": message(5, "ssh-userauth", "more"),
        "one that is cut": Buffer.concat([Buffer.of(5), u32(50), Buffer.from("ssh")]),
        none: Buffer.of(5),
        "upper case": message(5, "SSH-USERAUTH"),
      }).map(([name, payload]) => ({
        name,
        script: (prober: Prober) => {
          prober.say(payload);
        },
      })),
    },
  ],
};

const KEY = generateKeyPairSync("ed25519");
const KEY_BLOB = Buffer.concat([
  str("ssh-ed25519"),
  str(KEY.publicKey.export({ type: "spki", format: "der" }).subarray(-32)),
]);
const RSA_BLOB = Buffer.concat([
  str("ssh-rsa"),
  str(Buffer.of(1, 0, 1)),
  str(Buffer.concat([Buffer.of(0), Buffer.alloc(256, 0xc3)])),
]);
const SMALL_RSA = Buffer.concat([
  str("ssh-rsa"),
  str(Buffer.of(1, 0, 1)),
  str(Buffer.concat([Buffer.of(0), Buffer.alloc(64, 0xc3)])),
]);

const query = (user: string, algorithm: string, blob: Buffer | string) =>
  request(user, "publickey", 0, algorithm, blob);

function signed(user: string, sessionId: Buffer, key: KeyObject = KEY.privateKey): Buffer {
  const head = request(user, "publickey", 1, "ssh-ed25519", str(KEY_BLOB));
  const proof = sign(null, Buffer.concat([str(sessionId), head]), key);
  return Buffer.concat([head, str(Buffer.concat([str("ssh-ed25519"), str(proof)]))]);
}

type Steps = readonly (Buffer | ((prober: Prober) => Buffer))[];
const none = (user: string) => request(user, "none");
const times = (count: number, payload: Buffer) => Array.from({ length: count }, () => payload);

const LOGINS: Record<string, Steps> = {
  none: [none("root")],
  "none, of an unknown user": [none("no-such-user")],
  "none twice": [none("root"), none("root")],
  "none until the end": times(10, none("root")),
  "none with more behind it": [request("root", "none", "more")],
  "a wrong password": [password("root", "wrong")],
  "a wrong password of an unknown user": [password("no-such-user", "wrong")],
  "the right password": [password("root", ROOT.password)],
  "the right password of another": [password("alice", ROOT.password)],
  alice: [password("alice", ALICE.password)],
  "wrong, then right": [password("root", "wrong"), password("root", ROOT.password)],
  "wrong passwords until the end": times(8, password("root", "wrong")),
  "wrong passwords of an unknown user until the end": times(8, password("no-such-user", "x")),
  "several random passwords": ["q8Zk", "Yx71", "rr3P"].map((text) => password("root", text)),
  "several random passwords of alice": ["q8Zk", "Yx71", "rr3P"].map((text) => password("alice", text)),
  "none, then wrong ones until the end": [none("root"), ...times(8, password("root", "wrong"))],
  "none between wrong ones": [password("root", "a"), none("root"), password("root", "b"), none("root")],
  "an empty password": [password("root", "")],
  "an empty password of an unknown user": [password("no-such-user", "")],
  "a password of 1,024 bytes": [password("root", "p".repeat(1024))],
  "a password of 1,025 bytes": [password("root", "p".repeat(1025))],
  "a password of 60 kB": [password("root", "p".repeat(60_000))],
  "a password with a NUL": [password("root", `${ROOT.password}\0`)],
  "a password of high bytes": [password("root", "\xff\xfe\xfd")],
  "a password change": [request("root", "password", 1, ROOT.password, "new")],
  "a wrong password change": [request("root", "password", 1, "wrong", "new")],
  "a flag that is neither 0 nor 1": [request("root", "password", 7, "wrong")],
  "a password that is missing": [request("root", "password", 0)],
  "a password that is cut": [Buffer.concat([request("root", "password", 0), u32(100), Buffer.from("x")])],
  "a password with more behind it": [request("root", "password", 0, "wrong", "more")],
  "no flag": [request("root", "password")],
  "a foreign method": [request("root", "foo")],
  "a foreign method until the end": times(8, request("root", "foo")),
  "an empty method": [request("root", "")],
  "a method with a NUL": [request("root", "none\0")],
  "a method in capitals": [request("root", "PASSWORD", 0, "x")],
  "a list of methods": [request("root", "publickey,password")],
  "keyboard-interactive": [request("root", "keyboard-interactive", "", "")],
  "keyboard-interactive until the end": times(8, request("root", "keyboard-interactive", "", "")),
  "keyboard-interactive that is cut": [request("root", "keyboard-interactive")],
  hostbased: [request("root", "hostbased", "ssh-ed25519", KEY_BLOB, "host", "user", "")],
  "gssapi-with-mic": [
    request("root", "gssapi-with-mic", u32(1), "\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"),
  ],
  "gssapi-keyex": [request("root", "gssapi-keyex", "")],
  "an answer to nothing": [message(61, u32(0))],
  "an answer to nothing after an attempt": [none("root"), message(61, u32(0))],
  "a public key that nobody knows": [query("root", "ssh-ed25519", KEY_BLOB)],
  "a public key of an unknown user": [query("no-such-user", "ssh-ed25519", KEY_BLOB)],
  "six public keys and more": times(8, query("root", "ssh-ed25519", KEY_BLOB)),
  "a signed public key that nobody knows": [(prober) => signed("root", prober.sessionId)],
  "a signed public key of an unknown user": [(prober) => signed("no-such-user", prober.sessionId)],
  "a signature over another session": [signed("root", Buffer.alloc(32))],
  "an RSA key as ssh-rsa": [query("root", "ssh-rsa", RSA_BLOB)],
  "an RSA key as rsa-sha2-256": [query("root", "rsa-sha2-256", RSA_BLOB)],
  "an RSA key as rsa-sha2-512": [query("root", "rsa-sha2-512", RSA_BLOB)],
  "an RSA key of 512 bits": [query("root", "rsa-sha2-512", SMALL_RSA)],
  "an Ed25519 key as an RSA one": [query("root", "rsa-sha2-512", KEY_BLOB)],
  "a key of an algorithm that nobody has": [query("root", "ssh-foo", KEY_BLOB)],
  "a DSA key": [query("root", "ssh-dss", Buffer.concat([str("ssh-dss"), str(Buffer.of(1))]))],
  "a certificate that is none": [query("root", "ssh-ed25519-cert-v01@openssh.com", KEY_BLOB)],
  "a key that is cut": [query("root", "ssh-ed25519", KEY_BLOB.subarray(0, 20))],
  "an empty key": [query("root", "ssh-ed25519", "")],
  "a key with more behind it": [Buffer.concat([query("root", "ssh-ed25519", str(KEY_BLOB)), Buffer.of(0)])],
  "a signature that is cut": [request("root", "publickey", 1, "ssh-ed25519", str(KEY_BLOB), u32(9))],
  "no signature": [request("root", "publickey", 1, "ssh-ed25519", str(KEY_BLOB))],
  "hostbound without a key": [
    request("root", "publickey-hostbound-v00@openssh.com", 0, "ssh-ed25519", KEY_BLOB),
  ],
  "hostbound with a wrong host key": [
    request("root", "publickey-hostbound-v00@openssh.com", 0, "ssh-ed25519", KEY_BLOB, KEY_BLOB),
  ],
  "another user": [none("root"), none("alice")],
  "another user after a wrong password": [password("root", "wrong"), password("alice", ALICE.password)],
  "another service": [none("root"), message(50, "root", "ssh-foo", "none")],
  "another user and service": [none("root"), message(50, "x", "y", "none")],
  "another user with control characters": [none("root"), none("\x1b[31mx\r\n")],
  "another user of 300 bytes": [none("root"), none("u".repeat(300))],
  "another style": [none("root"), none("root:style")],
  "a style": [none("root:style"), none("root")],
  "a style and the right password": [password("root:skey", ROOT.password)],
  "an unknown service": [message(50, "root", "ssh-foo", "none")],
  "an unknown service and the right password": [message(50, "root", "foo", "password", 0, ROOT.password)],
  "no service": [message(50, "root", "", "none")],
  "an empty user": [none(""), password("", "x")],
  "a user with a NUL": [none("root\0")],
  "a user with a slash": [none("../../etc"), password("../../etc", "x")],
  "a user with spaces": [password("a b", "x")],
  "a user of high bytes": [password("\xff\xfe", "x")],
  "a user that looks like an option": [password("-oProxyCommand", "x")],
  "a user of 40 bytes": [password("u".repeat(40), "x")],
  "a user of 1 kB": [password("u".repeat(1000), "x")],
  "a user of 30 kB": [password("u".repeat(30_000), "x")],
  "a user in capitals": [password("ROOT", ROOT.password)],
  "a user that the system has without a password": [password("daemon", "x"), password("daemon", "")],
  "a request that is cut": [Buffer.concat([Buffer.of(50), str("root")])],
  "a request without fields": [Buffer.of(50)],
  "a login before the service": [],
  "a login, then the service": [none("root"), SERVICE, none("root")],
  "a channel before the login": [message(90, "session", u32(0), u32(2_097_152), u32(32_768))],
  "a global request before the login": [message(80, "keepalive@openssh.com", 1)],
  "a banner from the client": [message(53, "hello", "")],
  "a success from the client": [Buffer.of(52)],
  "a failure from the client": [message(51, "password", 0)],
  "a KEXINIT before the login": [numbered(20)],
  "an EXT_INFO": [message(7, u32(1), "ext-info-in-auth@openssh.com", "0")],
  "a ping": [message(192, "x")],
  "a DEBUG and an IGNORE": [message(4, 1, "x", ""), message(2, "x")],
  "a DISCONNECT": [message(1, u32(11), "bye", "")],
  "a DISCONNECT for want of methods": [
    none("root"),
    message(1, u32(14), "No supported authentication methods available [preauth]", ""),
  ],
};

export const logins: Phase = {
  name: "logins",
  concurrency: 24,
  probes: Object.entries(LOGINS).map(([name, steps]): Probe => ({
    name,
    script: async (prober) => {
      if (name === "a login before the service") {
        await prober.ready();
        await prober.ask(none("root"));
        return;
      }
      await served(prober);
      for (const step of steps) {
        if (prober.ended) return;
        prober.say(typeof step === "function" ? step(prober) : step);
        await prober.fence();
      }
    },
  })),
};
