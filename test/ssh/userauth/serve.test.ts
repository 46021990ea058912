import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildServiceRequest } from "../../../gateway/ssh/messages/general.ts";
import { buildUserauthRequest } from "../../../gateway/ssh/messages/userauth.ts";
import { bool, payload, string, u32 } from "../../../gateway/ssh/messages/writer.ts";
import type { Decision, LoginAttempt, UserauthResult } from "../../../gateway/ssh/userauth/attempt.ts";
import { serveUserauth, type UserauthOptions } from "../../../gateway/ssh/userauth/serve.ts";
import { asHostKeyFile, ecdsa, ed25519, rsa, type TestKey } from "./keys.ts";
import { MemoryTransport } from "../relay/memory-transport.ts";
import { Talk } from "./talk.ts";

const HOST_KEY = ed25519();
const SERVICE = buildServiceRequest("ssh-userauth");
const ACCEPT = payload(6, string("ssh-userauth"));
const FAILURE = payload(51, string("publickey,password"), bool(false));
const SUCCESS = payload(52);
const CLOSED = { kind: "closed" };

function served(options: Partial<UserauthOptions> = {}) {
  const { client, server } = MemoryTransport.pair();
  const attempts: LoginAttempt[] = [];
  const result = serveUserauth(server, {
    methods: ["publickey", "password"],
    maxTries: 6,
    signatureAlgorithms: [
      "ssh-ed25519",
      "ecdsa-sha2-nistp256",
      "ecdsa-sha2-nistp384",
      "ecdsa-sha2-nistp521",
      "rsa-sha2-512",
      "rsa-sha2-256",
      "ssh-rsa",
    ],
    hostKeys: [asHostKeyFile(HOST_KEY)],
    ...options,
    decide: (attempt) => {
      attempts.push(attempt);
      return options.decide?.(attempt) ?? Promise.resolve(byPassword(attempt));
    },
  });
  return { talk: new Talk(client), client, server, attempts, result };
}

function byPassword({ credential }: LoginAttempt): Decision {
  if (credential.kind === "publickey") return { kind: credential.signed ? "accepted" : "key-acceptable" };
  const right = credential.kind === "password" && credential.password.equals(Buffer.from("right"));
  return { kind: right ? "accepted" : "refused" };
}

const user = Buffer.from("root");
const password = (text: string | Buffer, name: Buffer = user) =>
  buildUserauthRequest(name, "password", bool(false), string(text));
const none = buildUserauthRequest(user, "none");

function disconnect(text: string): Buffer {
  return payload(1, u32(2), string(text), string(""));
}

async function cause(result: Promise<UserauthResult>) {
  const ended = await result;
  assert.ok(ended.kind === "no-login");
  return ended.cause;
}

describe("serveUserauth: passwords and what is around them", () => {
  it("refuses, then lets in, and counts", async () => {
    const { talk, attempts, result, server } = served();
    assert.deepEqual(await talk.ask(SERVICE), ACCEPT);
    assert.deepEqual(await talk.ask(none), FAILURE);
    assert.deepEqual(await talk.ask(password("wrong")), FAILURE);
    assert.deepEqual(await talk.ask(password("right")), SUCCESS);
    const login = await result;
    assert.ok(login.kind === "login");
    assert.equal(login.attempts, 3);
    assert.equal(login.attempt.method, "password");
    assert.ok(server.compressing);
    assert.deepEqual(
      attempts.map(({ number, method, admissible }) => [number, method, admissible]),
      [
        [1, "none", true],
        [2, "password", true],
        [3, "password", true],
      ],
    );
  });

  it("hands over the bytes of names and passwords as they were sent", async () => {
    const { talk, attempts } = served();
    const name = Buffer.from([0xff, 0xfe, 0x41]);
    const secret = Buffer.from([0x80, 0x0a, 0xc3, 0x28, 0x00]);
    talk.say(SERVICE, password(secret, name));
    assert.deepEqual(await talk.hear(), ACCEPT);
    assert.deepEqual(await talk.hear(), FAILURE);
    assert.deepEqual(attempts[0]?.user, name);
    assert.ok(attempts[0].credential.kind === "password");
    assert.deepEqual(attempts[0].credential.password, secret);
  });

  it("answers requests that were sent ahead one after the other, never two at once", async () => {
    let running = 0;
    const { talk, attempts } = served({
      decide: async () => {
        assert.equal(++running, 1);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running--;
        return { kind: "refused" };
      },
    });
    talk.say(SERVICE, ...Array.from({ length: 5 }, (_, index) => password(`p${index}`)));
    assert.deepEqual(await talk.hear(), ACCEPT);
    for (let index = 0; index < 5; index++) assert.deepEqual(await talk.hear(), FAILURE);
    assert.deepEqual(
      attempts.map(({ credential }) => credential.kind === "password" && credential.password.toString()),
      ["p0", "p1", "p2", "p3", "p4"],
    );
  });

  it("leaves what was sent ahead of the answer for whoever comes next", async () => {
    const { talk, result, server } = served();
    const after = payload(90, string("session"), u32(0), u32(1), u32(2));
    talk.say(SERVICE, password("right"), after);
    assert.deepEqual(await talk.hear(), ACCEPT);
    assert.deepEqual(await talk.hear(), SUCCESS);
    assert.equal((await result).kind, "login");
    assert.deepEqual(await new Talk(server).hear(), after);
  });

  it("closes at MaxAuthTries, a first `none` being free", async () => {
    for (const [first, failures] of [
      [[none], 6],
      [[], 5],
    ] as const) {
      const { talk, result } = served();
      await talk.ask(SERVICE);
      talk.say(...first, ...Array.from({ length: 6 }, () => password("wrong")));
      for (let index = 0; index < failures; index++) assert.deepEqual(await talk.hear(), FAILURE);
      assert.deepEqual(await talk.hear(), disconnect("Too many authentication failures"));
      assert.deepEqual(await talk.hear(), CLOSED);
      assert.deepEqual(await cause(result), { kind: "too-many-attempts" });
    }
  });

  it("refuses a password change, ends at a right password for another service, and says so to whoever decides", async () => {
    const { talk, attempts } = served({ decide: () => Promise.resolve({ kind: "accepted" }) });
    await talk.ask(SERVICE);
    const change = buildUserauthRequest(user, "password", bool(true), string("right"), string("new"));
    assert.deepEqual(await talk.ask(change), FAILURE);
    assert.equal(attempts[0]?.admissible, false);
    assert.ok(attempts[0].credential.kind === "password");
    assert.deepEqual(attempts[0].credential.newPassword, Buffer.from("new"));

    let kind: "refused" | "accepted" = "refused";
    const other = served({ decide: () => Promise.resolve({ kind }) });
    await other.talk.ask(SERVICE);
    const request = payload(
      50,
      string("root"),
      string("ssh-other"),
      string("password"),
      bool(false),
      string("right"),
    );
    assert.deepEqual(await other.talk.ask(request), FAILURE);
    assert.equal(other.attempts[0]?.admissible, true);
    assert.equal(other.attempts[0].inService, false);
    kind = "accepted";
    assert.ok(!Buffer.isBuffer(await other.talk.ask(request)));
  });

  it("says nothing of methods it does not offer, and keeps the password that came with one", async () => {
    const { talk, attempts } = served({
      methods: ["publickey"],
      decide: () => Promise.resolve({ kind: "accepted" }),
    });
    await talk.ask(SERVICE);
    const failure = payload(51, string("publickey"), bool(false));
    assert.deepEqual(await talk.ask(password("right")), failure);
    assert.deepEqual(await talk.ask(buildUserauthRequest(user, "gssapi-with-mic", u32(9))), failure);
    assert.deepEqual(await talk.ask(buildUserauthRequest(user, "password", Buffer.from("cut"))), failure);
    assert.deepEqual(await talk.ask(buildUserauthRequest(user, "keyboard-interactive")), failure);
    assert.deepEqual(
      attempts.map(({ method, admissible, credential }) => [method, admissible, credential.kind]),
      [
        ["password", false, "password"],
        ["other", false, "none"],
        ["password", false, "none"],
        ["keyboard-interactive", false, "none"],
      ],
    );
    assert.deepEqual(attempts[1]?.methodName, Buffer.from("gssapi-with-mic"));
  });

  it("closes without a word on cut, appended and NUL-ridden fields", async () => {
    for (const request of [
      payload(50, string("root")),
      payload(50),
      Buffer.concat([password("right"), Buffer.of(0)]),
      password("right").subarray(0, -1),
      password("a\0b"),
      password("right", Buffer.from("ro\0ot")),
      Buffer.concat([none, Buffer.of(0)]),
      buildUserauthRequest(user, "publickey", Buffer.of(1)),
      buildUserauthRequest(user, "publickey", bool(false)),
    ]) {
      const { talk, result } = served();
      await talk.ask(SERVICE);
      assert.deepEqual(await talk.ask(request), CLOSED, request.toString("hex"));
      assert.equal((await cause(result)).kind, "protocol-error");
    }
  });

  it("tells a changed user name, a changed service and a service it does not have", async () => {
    for (const [requests, text] of [
      [
        [password("x"), password("x", Buffer.from("admin"))],
        "Change of username or service not allowed: (root,ssh-connection) -> (admin,ssh-connection)",
      ],
      [
        [password("x"), payload(50, string("root"), string("other"), string("none"))],
        "Change of username or service not allowed: (root,ssh-connection) -> (root,other)",
      ],
      [[buildServiceRequest("foo")], "bad service request foo"],
      [[buildServiceRequest("x".repeat(5000))], `bad service request ${"x".repeat(1023 - 20)}`],
    ] as const) {
      const { talk, result } = served();
      await talk.ask(SERVICE);
      talk.say(...requests);
      if (requests.length > 1) assert.deepEqual(await talk.hear(), FAILURE);
      assert.deepEqual(await talk.hear(), disconnect(text));
      assert.deepEqual(await talk.hear(), CLOSED);
      assert.equal((await cause(result)).kind, "protocol-error");
    }
  });

  it("takes `name:style` and Debian's `name/role` for the same name", async () => {
    const { talk, attempts } = served();
    await talk.ask(SERVICE);
    for (const name of ["root:style", "root/role", "root/role:style", "root"]) {
      assert.deepEqual(await talk.ask(password("x", Buffer.from(name))), FAILURE);
      assert.deepEqual(attempts.at(-1)?.account, user);
      assert.deepEqual(attempts.at(-1)?.user, Buffer.from(name));
    }
  });

  it("answers UNIMPLEMENTED, with the number of the packet, to all else", async () => {
    const { talk } = served();
    const unimplemented = (sequence: number) => payload(3, u32(sequence));
    assert.deepEqual(await talk.ask(password("right")), unimplemented(0), "before the service");
    assert.deepEqual(await talk.ask(payload(90)), unimplemented(1));
    assert.deepEqual(await talk.ask(payload(61, u32(0))), unimplemented(2));
    assert.deepEqual(await talk.ask(SERVICE), ACCEPT);
    assert.deepEqual(await talk.ask(payload(80, string("x"), bool(true))), unimplemented(4));
    assert.deepEqual(await talk.ask(payload(191)), unimplemented(5));
    assert.deepEqual(await talk.ask(SERVICE), ACCEPT, "again");
  });

  it("closes without a word on an answer to a question it did not ask", async () => {
    for (const type of [61, 63]) {
      const { talk } = served();
      await talk.ask(SERVICE);
      await talk.ask(none);
      assert.deepEqual(await talk.ask(payload(type, u32(0))), CLOSED);
    }
  });

  it("shows the banner before the first answer, once", async () => {
    const { talk } = served({ banner: "Welcome\n" });
    await talk.ask(SERVICE);
    assert.deepEqual(await talk.ask(none), payload(53, string("Welcome\n"), string("")));
    assert.deepEqual(await talk.hear(), FAILURE);
    assert.deepEqual(await talk.ask(none), FAILURE);
  });

  it("closes as it is told to", async () => {
    const told = served({
      decide: () => Promise.resolve({ kind: "close", disconnect: { code: 2, text: "so long" } }),
    });
    await told.talk.ask(SERVICE);
    assert.deepEqual(await told.talk.ask(none), disconnect("so long"));
    assert.deepEqual(await told.talk.hear(), CLOSED);
    assert.deepEqual(await cause(told.result), { kind: "decided" });

    const silent = served({ decide: () => Promise.resolve({ kind: "close" }) });
    await silent.talk.ask(SERVICE);
    assert.deepEqual(await silent.talk.ask(none), CLOSED);
  });

  it("ends without a word when whoever decides fails, or the deadline passes", async () => {
    const error = new Error("lost the warden");
    const failed = served({ decide: () => Promise.reject(error) });
    await failed.talk.ask(SERVICE);
    assert.deepEqual(await failed.talk.ask(none), CLOSED);
    assert.deepEqual(await cause(failed.result), { kind: "failed", error });

    for (const requests of [[], [SERVICE], [SERVICE, none]]) {
      const deadline = new AbortController();
      const late = served({ signal: deadline.signal, decide: () => new Promise(() => undefined) });
      late.talk.say(...requests);
      setTimeout(() => {
        deadline.abort();
      }, 20);
      assert.deepEqual(await cause(late.result), { kind: "aborted" });
    }
    const aborted = served({ signal: AbortSignal.abort() });
    assert.deepEqual(await cause(aborted.result), { kind: "aborted" });
  });

  it("notices a client that leaves", async () => {
    const { client, result } = served();
    client.disconnect(11, "bye");
    assert.deepEqual(await cause(result), {
      kind: "client",
      end: { kind: "disconnect", code: 11, description: Buffer.from("bye") },
    });
  });

  it("stops reading a client that never reads", async () => {
    const { client, server } = served();
    const flood = Array.from({ length: 5000 }, () => payload(191));
    for (const request of flood) client.send(request);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(server.queue.length <= server.mark + 1, `${server.queue.length} answers held`);
    assert.ok(client.queue.length > 4900, "the rest was not read");
    const talk = new Talk(client);
    for (let sequence = 0; sequence < flood.length; sequence++) {
      assert.deepEqual(await talk.hear(), payload(3, u32(sequence)));
    }
  });

  it("is not ended by any random bytes but in the ways above", async () => {
    let state = 7;
    const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
    for (let round = 0; round < 2000; round++) {
      const { talk, client, result } = served({ methods: ["publickey", "password", "keyboard-interactive"] });
      talk.say(SERVICE);
      for (let index = 0; index < 4; index++) {
        const valid = [
          none,
          password("x"),
          buildUserauthRequest(user, "publickey", bool(true), string("ssh-ed25519")),
        ];
        const bytes = Buffer.concat([valid[random() % 3] ?? none, Buffer.alloc(random() % 30, random())]);
        for (let flips = random() % 4; flips > 0; flips--) bytes[random() % bytes.length] = random() & 0xff;
        client.send(bytes);
      }
      client.end();
      assert.ok(["no-login", "login"].includes((await result).kind));
    }
  });
});

describe("serveUserauth: keyboard-interactive", () => {
  const methods = ["publickey", "password", "keyboard-interactive"] as const;
  const failure = payload(51, string(methods.join(",")), bool(false));
  const request = (devices: string) =>
    buildUserauthRequest(user, "keyboard-interactive", string(""), string(devices));
  const prompt = payload(60, string(""), string(""), string(""), u32(1), string("Password: "), bool(false));
  const nothing = payload(60, string(""), string(""), string(""), u32(0));
  const answer = (...answers: readonly string[]) =>
    payload(61, u32(answers.length), ...answers.map((text) => string(text)));

  it("asks for the password, and once more for nothing before it lets in, as PAM does", async () => {
    const { talk, attempts, result } = served({ methods });
    await talk.ask(SERVICE);
    assert.deepEqual(await talk.ask(request("")), prompt);
    assert.deepEqual(await talk.ask(answer("wrong")), failure);
    assert.deepEqual(await talk.ask(request("pam")), prompt);
    assert.deepEqual(await talk.ask(answer("right")), nothing);
    assert.deepEqual(await talk.ask(answer()), SUCCESS);
    assert.equal((await result).kind, "login");
    assert.deepEqual(
      attempts.map(({ number, method }) => [number, method]),
      [
        [1, "keyboard-interactive"],
        [2, "keyboard-interactive"],
      ],
    );
  });

  it("has no device but PAM", async () => {
    const { talk } = served({ methods, decide: () => Promise.resolve({ kind: "accepted" }) });
    await talk.ask(SERVICE);
    assert.deepEqual(await talk.ask(request("bsdauth,skey")), failure);
    assert.deepEqual(await talk.ask(request("skey,pam")), prompt);
  });

  it("drops a question that another request makes void, and tells of it", async () => {
    const abandoned: LoginAttempt[] = [];
    const { talk, attempts } = served({ methods, onAbandoned: (attempt) => abandoned.push(attempt) });
    await talk.ask(SERVICE);
    assert.deepEqual(await talk.ask(request("")), prompt);
    assert.deepEqual(await talk.ask(password("wrong")), failure);
    assert.deepEqual(
      abandoned.map(({ number }) => number),
      [1],
    );
    assert.deepEqual(
      attempts.map(({ number }) => number),
      [2],
    );
    assert.deepEqual(await talk.ask(answer("right")), CLOSED);
  });

  it("closes without a word on a wrong number of answers", async () => {
    for (const wrong of [
      answer(),
      answer("a", "b"),
      answer("right").subarray(0, -1),
      payload(61, u32(0xffffffff)),
    ]) {
      const { talk } = served({ methods });
      await talk.ask(SERVICE);
      assert.deepEqual(await talk.ask(request("")), prompt);
      assert.deepEqual(await talk.ask(wrong), CLOSED);
    }
  });
});

describe("serveUserauth: public keys", () => {
  function query(algorithm: string, key: TestKey): Buffer {
    return buildUserauthRequest(user, "publickey", bool(false), string(algorithm), string(key.blob));
  }

  function signed(
    algorithm: string,
    key: TestKey,
    sessionId: Buffer,
    signatureAlgorithm = algorithm,
  ): Buffer {
    const head = buildUserauthRequest(user, "publickey", bool(true), string(algorithm), string(key.blob));
    const signature = key.sign(signatureAlgorithm, Buffer.concat([string(sessionId), head]));
    return Buffer.concat([head, string(signature)]);
  }

  for (const [algorithm, key] of [
    ["ssh-ed25519", ed25519()],
    ["ecdsa-sha2-nistp256", ecdsa(256)],
    ["ecdsa-sha2-nistp384", ecdsa(384)],
    ["ecdsa-sha2-nistp521", ecdsa(521)],
    ["rsa-sha2-256", rsa(2048)],
    ["rsa-sha2-512", rsa(2048)],
  ] as const) {
    it(`verifies ${algorithm}`, async () => {
      for (let round = 0; round < 5; round++) {
        const { talk, client, attempts, result } = served();
        await talk.ask(SERVICE);
        assert.deepEqual(
          await talk.ask(query(algorithm, key)),
          payload(60, string(algorithm), string(key.blob)),
        );
        assert.deepEqual(await talk.ask(signed(algorithm, key, client.sessionId)), SUCCESS);
        assert.equal((await result).kind, "login");
        const { credential } = attempts[1] ?? assert.fail();
        assert.ok(credential.kind === "publickey" && credential.signed && credential.verified);
        assert.deepEqual(credential.blob, key.blob);
        assert.match(credential.fingerprintSha256, /^SHA256:[A-Za-z0-9+/]{43}$/);
        assert.match(credential.fingerprintMd5, /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
      }
    });

    it(`refuses a wrong signature of ${algorithm} though told to accept`, async () => {
      const { talk, client, attempts } = served({ decide: () => Promise.resolve({ kind: "accepted" }) });
      await talk.ask(SERVICE);
      const wrong = signed(algorithm, key, client.sessionId);
      wrong[wrong.length - 3] = (wrong.at(-3) ?? 0) ^ 1;
      assert.deepEqual(await talk.ask(wrong), FAILURE);
      assert.deepEqual(await talk.ask(signed(algorithm, key, Buffer.from("another session"))), FAILURE);
      assert.ok(attempts.every(({ admissible }) => !admissible));
    });
  }

  it("takes a key that is bound to our host key, and closes on another host key", async () => {
    const key = ed25519();
    const bound = (hostKey: Buffer, sessionId: Buffer) => {
      const head = buildUserauthRequest(
        user,
        "publickey-hostbound-v00@openssh.com",
        bool(true),
        string("ssh-ed25519"),
        string(key.blob),
        string(hostKey),
      );
      return Buffer.concat([head, string(key.sign("ssh-ed25519", Buffer.concat([string(sessionId), head])))]);
    };
    const right = served();
    await right.talk.ask(SERVICE);
    assert.deepEqual(await right.talk.ask(bound(HOST_KEY.blob, right.client.sessionId)), SUCCESS);
    assert.equal(right.attempts[0]?.method, "publickey");

    const wrong = served();
    await wrong.talk.ask(SERVICE);
    assert.deepEqual(await wrong.talk.ask(bound(ed25519().blob, wrong.client.sessionId)), CLOSED);
  });

  it("refuses keys and algorithms that a stock sshd refuses", async () => {
    const key = ed25519();
    const weak = rsa(1023);
    const strong = rsa(2048);
    const trailing = { ...key, blob: Buffer.concat([key.blob, Buffer.of(0)]) };
    const offCurve = Buffer.concat([
      string("ecdsa-sha2-nistp256"),
      string("nistp256"),
      string(Buffer.concat([Buffer.of(4), Buffer.alloc(64, 1)])),
    ]);
    const { talk, client, attempts } = served({
      decide: () => Promise.resolve({ kind: "accepted" }),
      maxTries: 100,
    });
    await talk.ask(SERVICE);
    for (const request of [
      query("ssh-rsa", strong),
      signed("ssh-rsa", strong, client.sessionId),
      signed("rsa-sha2-512", strong, client.sessionId, "rsa-sha2-256"),
      signed("rsa-sha2-512", weak, client.sessionId),
      signed("rsa-sha2-512", key, client.sessionId),
      signed("ssh-ed25519", trailing, client.sessionId),
      signed("ssh-dss", key, client.sessionId),
      query("ecdsa-sha2-nistp256", { ...key, blob: offCurve }),
      query("ssh-ed25519", { ...key, blob: Buffer.alloc(0) }),
      query("ssh-ed25519", { ...key, blob: Buffer.alloc(3) }),
      query("sk-ssh-ed25519@openssh.com", key),
      buildUserauthRequest(user, "publickey", bool(true), string("unknown"), string("")),
      query("ssh-ed25519", key),
    ]) {
      assert.deepEqual(await talk.ask(request), FAILURE);
    }
    assert.deepEqual(
      attempts.map(({ admissible }) => admissible),
      [...Array.from({ length: 12 }, () => false), true],
      "but for the last, which is a mere question",
    );
  });
});
