/** The same packets to a real sshd and to our front before the same sshd: the answers must be the same, byte for byte. */
import assert from "node:assert/strict";
import { sign } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { buildChannelOpen } from "../../../gateway/ssh/messages/channel-open.ts";
import { buildChannelRequest } from "../../../gateway/ssh/messages/channel-request.ts";
import {
  buildChannelData,
  buildChannelSignal,
  buildWindowAdjust,
} from "../../../gateway/ssh/messages/channel.ts";
import { buildServiceRequest } from "../../../gateway/ssh/messages/general.ts";
import { buildGlobalRequest, parseGlobal } from "../../../gateway/ssh/messages/global.ts";
import { MSG } from "../../../gateway/ssh/messages/numbers.ts";
import { buildUserauthRequest } from "../../../gateway/ssh/messages/userauth.ts";
import { bool, payload, string, u32 } from "../../../gateway/ssh/messages/writer.ts";
import { connectTransport } from "../../../gateway/ssh/transport/connect.ts";
import type { Transport } from "../../../gateway/ssh/transport/transport.ts";
import { hostKeyBlob, initialHostKey } from "../../../gateway/ssh/userauth/host-key.ts";
import type { Decision, LoginAttempt } from "../../../gateway/ssh/userauth/attempt.ts";
import { ed25519, ecdsa, rsa } from "../userauth/keys.ts";
import { Talk } from "../userauth/talk.ts";
import { startFront, type Front } from "./front.ts";
import { run } from "./programs.ts";
import { startSshd, type Sshd } from "./sshd.ts";

let sshd: Sshd;
let front: Front;

before(async () => {
  sshd = await startSshd("KbdInteractiveAuthentication no", "MaxAuthTries 6");
  front = await startFront(sshd, { decide: asSshd, keep: false });
});

after(async () => {
  await front[Symbol.asyncDispose]();
  await sshd[Symbol.asyncDispose]();
});

/** What sshd decides with its one authorized key. */
function asSshd({ credential, account }: LoginAttempt): Promise<Decision> {
  const known =
    credential.kind === "publickey" &&
    credential.blob.equals(sshd.identity.publicKeyBlob) &&
    account.equals(Buffer.from(sshd.user));
  if (!known) return Promise.resolve({ kind: "refused" });
  return Promise.resolve({ kind: credential.signed ? "accepted" : "key-acceptable" });
}

const SERVICE = buildServiceRequest("ssh-userauth");
const KEEPALIVE = buildGlobalRequest("keepalive@openssh.com", true);

interface Context {
  readonly user: Buffer;
  readonly sessionId: Buffer;
  readonly hostKey: Buffer;
}

type Step = readonly Buffer[];

/** Says the steps, each with a question that is always answered behind it, and keeps everything that is heard. */
async function transcript(
  port: number,
  behind: Sshd,
  steps: (context: Context) => readonly Step[],
  fence: { readonly question: Buffer; readonly answers: readonly number[] },
  loggedIn: boolean,
): Promise<string[]> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  try {
    return await talkThrough(socket, behind, steps, fence, loggedIn);
  } finally {
    socket.destroy();
  }
}

async function talkThrough(
  socket: Socket,
  behind: Sshd,
  steps: (context: Context) => readonly Step[],
  fence: { readonly question: Buffer; readonly answers: readonly number[] },
  loggedIn: boolean,
): Promise<string[]> {
  const transport = await connectTransport(socket, {
    identification: "SSH-2.0-OpenSSH_9.2p1",
    hostKeys: behind.hostKeys,
  });
  const talk = new Talk(transport);
  const context = {
    user: Buffer.from(sshd.user),
    sessionId: transport.sessionId,
    hostKey: initialHostKey(transport.agreed.hostKey, behind.hostKeys),
  };
  if (loggedIn) await login(talk, transport, context);
  const heard: string[] = [];
  for (const step of steps(context)) {
    talk.say(...step, fence.question);
    let owed = 1 + step.filter((bytes) => isAnswered(bytes, fence.question)).length;
    while (owed > 0) {
      const answer = await talk.hear();
      if (!Buffer.isBuffer(answer)) {
        heard.push(
          answer.kind === "disconnect" ? `disconnect ${answer.code} ${answer.description.toString()}` : "end",
        );
        return heard;
      }
      if (fence.answers.includes(answer[0] ?? 0)) owed--;
      heard.push(answer.toString("hex"));
    }
  }
  return heard;
}

/** Whether this is answered in the way the question behind each step is. */
function isAnswered(bytes: Buffer, question: Buffer): boolean {
  if (bytes[0] !== question[0]) return false;
  if (bytes[0] !== MSG.GLOBAL_REQUEST) return true;
  const message = parseGlobal(bytes);
  return message.kind === "global-request" && message.wantReply;
}

async function login(talk: Talk, transport: Transport, { user, sessionId }: Context): Promise<void> {
  talk.say(SERVICE, signed({ user, sessionId, hostKey: Buffer.alloc(0) }));
  for (;;) {
    const answer = await talk.hear();
    assert.ok(Buffer.isBuffer(answer), "not let in");
    if (answer[0] === MSG.USERAUTH_SUCCESS) break;
  }
  transport.startDelayedCompression();
}

function signed(
  { user, sessionId, hostKey }: Context,
  change: { readonly hostbound?: boolean; readonly spoil?: boolean; readonly name?: Buffer } = {},
): Buffer {
  const head = buildUserauthRequest(
    change.name ?? user,
    change.hostbound === true ? "publickey-hostbound-v00@openssh.com" : "publickey",
    bool(true),
    string("ssh-ed25519"),
    string(sshd.identity.publicKeyBlob),
    ...(change.hostbound === true ? [string(hostKey)] : []),
  );
  const signature = sign(null, Buffer.concat([string(sessionId), head]), sshd.identity.privateKey);
  if (change.spoil === true) signature[0] = (signature[0] ?? 0) ^ 1;
  return Buffer.concat([head, string(Buffer.concat([string("ssh-ed25519"), string(signature)]))]);
}

function query(user: Buffer, algorithm: string, blob: Buffer): Buffer {
  return buildUserauthRequest(user, "publickey", bool(false), string(algorithm), string(blob));
}

function password(user: Buffer, text: string): Buffer {
  return buildUserauthRequest(user, "password", bool(false), string(text));
}

const BEFORE_LOGIN: Record<string, (context: Context) => readonly Step[]> = {
  "a request before the service": ({ user }) => [[password(user, "x")], [SERVICE]],
  "the service twice": () => [[SERVICE, SERVICE]],
  "an unknown service": () => [[buildServiceRequest("foo")]],
  "the connection service": () => [[buildServiceRequest("ssh-connection")]],
  "a very long service": () => [[buildServiceRequest("x".repeat(3000))]],
  "a service with a NUL": () => [[buildServiceRequest("ssh-user\0auth")]],
  "a service with a NUL at its end": () => [[buildServiceRequest("ssh-userauth\0")]],
  "a service request with more behind it": () => [[Buffer.concat([SERVICE, Buffer.of(0)])]],
  "message types that no one knows": () => [
    [8, 19, 53, 54, 66, 79, 80, 90, 98, 100, 127, 128, 191].map((type) => payload(type, u32(0))),
  ],
  "answers that no one asked for, early": () => [
    [payload(60, u32(0)), payload(61, u32(0)), payload(63, u32(0))],
  ],
  none: ({ user }) => [[SERVICE], [buildUserauthRequest(user, "none")], [buildUserauthRequest(user, "none")]],
  "none with more behind it": ({ user }) => [[SERVICE, buildUserauthRequest(user, "none", u32(1))]],
  "a second none with more behind it": ({ user }) => [
    [SERVICE, buildUserauthRequest(user, "none"), buildUserauthRequest(user, "none", u32(1))],
  ],
  "wrong passwords up to the limit": ({ user }) => [
    [SERVICE],
    ...Array.from({ length: 7 }, (_, index) => [password(user, `wrong${index}`)]),
  ],
  "none and wrong passwords up to the limit": ({ user }) => [
    [SERVICE, buildUserauthRequest(user, "none")],
    ...Array.from({ length: 7 }, (_, index) => [password(user, `wrong${index}`)]),
  ],
  "an unknown user": () => [[SERVICE, password(Buffer.from("no-such-user"), "x")]],
  "a password with a NUL": ({ user }) => [[SERVICE, password(user, "a\0b")]],
  "a password with a NUL at its end": ({ user }) => [[SERVICE, password(user, "ab\0")]],
  "a password change": ({ user }) => [
    [SERVICE, buildUserauthRequest(user, "password", bool(true), string("old"), string("new"))],
  ],
  "a password change without the new one": ({ user }) => [
    [SERVICE, buildUserauthRequest(user, "password", bool(true), string("old"))],
  ],
  "a password with more behind it": ({ user }) => [
    [SERVICE, Buffer.concat([password(user, "x"), Buffer.of(0)])],
  ],
  "a password that is cut": ({ user }) => [[SERVICE, password(user, "abc").subarray(0, -1)]],
  "a request that is cut": ({ user }) => [[SERVICE, payload(50, string(user))]],
  "an empty request": () => [[SERVICE, payload(50)]],
  "an empty user name": () => [[SERVICE, password(Buffer.alloc(0), "x")]],
  "another user": ({ user }) => [[SERVICE, password(user, "x"), password(Buffer.from("other"), "x")]],
  "a very long other user": ({ user }) => [
    [SERVICE, password(user, "x"), password(Buffer.alloc(5000, "y"), "x")],
  ],
  "another user that is not text": ({ user }) => [
    [SERVICE, password(user, "x"), password(Buffer.from([0xff, 0x80, 0x0a]), "x")],
  ],
  "another service": ({ user }) => [
    [SERVICE, password(user, "x"), payload(50, string(user), string("ssh-other"), string("none"))],
  ],
  "the same user with style and role": ({ user }) => [
    [
      SERVICE,
      ...["", ":a", "/b", "/b:c", ":a/b", ":"].map((end) =>
        buildUserauthRequest(Buffer.concat([user, Buffer.from(end)]), "none"),
      ),
    ],
  ],
  "the wrong service from the start": ({ user }) => [
    [SERVICE, payload(50, string(user), string("ssh-foo"), string("none"))],
    [payload(50, string(user), string("ssh-foo"), string("password"), bool(false), string("x"))],
  ],
  "methods that are not offered": ({ user }) => [
    [
      SERVICE,
      ...["keyboard-interactive", "hostbased", "gssapi-with-mic", "gssapi-keyex", "", "pass", "password\0"]
        .map((method) => buildUserauthRequest(user, method, u32(0)))
        .slice(0, 6),
    ],
  ],
  "a method with a NUL": ({ user }) => [[SERVICE, buildUserauthRequest(user, "pass\0word", u32(0))]],
  "an answer that no one asked for, late": ({ user }) => [
    [SERVICE, buildUserauthRequest(user, "none")],
    [payload(61, u32(0))],
  ],
  "a GSSAPI message that no one asked for": ({ user }) => [
    [SERVICE, buildUserauthRequest(user, "none")],
    [payload(63)],
  ],
  "other messages late": ({ user }) => [
    [SERVICE, buildUserauthRequest(user, "none")],
    [52, 60, 62, 64, 65, 66, 80, 90].map((type) => payload(type, u32(0))),
  ],
  "the right key, asked first": ({ user }) => [
    [SERVICE, query(user, "ssh-ed25519", sshd.identity.publicKeyBlob)],
  ],
  "the right key for another user": () => [
    [SERVICE, query(Buffer.from("no-such-user"), "ssh-ed25519", sshd.identity.publicKeyBlob)],
  ],
  "wrong keys of every kind": ({ user }) => [
    [
      SERVICE,
      query(user, "ssh-ed25519", ed25519().blob),
      query(user, "ecdsa-sha2-nistp256", ecdsa(256).blob),
      query(user, "rsa-sha2-512", rsa(2048).blob),
    ],
    [query(user, "ssh-rsa", rsa(2048).blob), query(user, "ssh-dss", ed25519().blob)],
  ],
  "a key that is none": ({ user }) => [
    [SERVICE, query(user, "ssh-ed25519", Buffer.alloc(0)), query(user, "ssh-ed25519", Buffer.alloc(40, 1))],
    [query(user, "nonsense", sshd.identity.publicKeyBlob)],
    [query(user, "rsa-sha2-256", sshd.identity.publicKeyBlob)],
  ],
  "an unknown algorithm with more behind it": ({ user }) => [
    [SERVICE, Buffer.concat([query(user, "nonsense", Buffer.alloc(0)), Buffer.from("more")])],
  ],
  "a key question with more behind it": ({ user }) => [
    [SERVICE, Buffer.concat([query(user, "ssh-ed25519", sshd.identity.publicKeyBlob), Buffer.of(0)])],
  ],
  "an algorithm with a NUL": ({ user }) => [
    [SERVICE, query(user, "ssh-\0ed25519", sshd.identity.publicKeyBlob)],
  ],
  "a wrong signature": (context) => [[SERVICE, signed(context, { spoil: true })]],
  "a cut signature": (context) => [[SERVICE, signed(context).subarray(0, -1)]],
  "no signature where one is announced": ({ user }) => [
    [
      SERVICE,
      buildUserauthRequest(
        user,
        "publickey",
        bool(true),
        string("ssh-ed25519"),
        string(sshd.identity.publicKeyBlob),
      ),
    ],
  ],
  "a host-bound signature over another host key": (context) => [
    [SERVICE, signed({ ...context, hostKey: ed25519().blob }, { hostbound: true })],
  ],
  "a host-bound signature over another host key of ours": (context) => [
    [
      SERVICE,
      signed(
        {
          ...context,
          hostKey:
            sshd.hostKeys.map(hostKeyBlob).find((blob) => !blob.equals(context.hostKey)) ?? assert.fail(),
        },
        { hostbound: true },
      ),
    ],
  ],
  "a host-bound question without a host key": ({ user }) => [
    [
      SERVICE,
      buildUserauthRequest(
        user,
        "publickey-hostbound-v00@openssh.com",
        bool(false),
        string("ssh-ed25519"),
        string(sshd.identity.publicKeyBlob),
      ),
    ],
  ],
};

const open = (sender: number, type = "session", ...fields: Buffer[]) =>
  buildChannelOpen(type, { sender, window: 2 ** 21, maxPacket: 32768 }, ...fields);

const AFTER_LOGIN: Record<string, (context: Context) => readonly Step[]> = {
  "what comes by itself": () => [[]],
  "message types that no one knows": () => [
    [5, 6, 8, 50, 51, 60, 61, 66, 79, 83, 89, 101, 127, 191].map((type) => payload(type, u32(0))),
  ],
  "unknown messages between requests": () => [
    [KEEPALIVE, payload(191), buildGlobalRequest("what@ever", true), payload(50), KEEPALIVE, payload(83)],
  ],
  "a login once more": (context) => [[SERVICE, signed(context)]],
  "global requests": () => [
    [buildGlobalRequest("what@ever", false), buildGlobalRequest("no-more-sessions@openssh.com", true)],
    [buildGlobalRequest("cancel-tcpip-forward", true, string("127.0.0.1"), u32(1))],
    [open(0)],
  ],
  "a proof of a key that is not its own": () => [
    [buildGlobalRequest("hostkeys-prove-00@openssh.com", true, string(ed25519().blob))],
  ],
  "a proof of nothing": () => [[buildGlobalRequest("hostkeys-prove-00@openssh.com", true)]],
  "a proof that is cut": () => [[buildGlobalRequest("hostkeys-prove-00@openssh.com", true, u32(500))]],
  "an unknown message, then an unknown channel": () => [[payload(191), open(1, "what")]],
  "a global request that is cut": () => [[payload(80, string("keepalive@openssh.com"))]],
  "a channel of an unknown type": () => [[open(3, "what@ever")]],
  "a channel open that is cut": () => [[open(3).subarray(0, -4)]],
  "data for a channel that is not there": () => [[buildChannelData(7, "x")]],
  "a close for a channel that is not there": () => [[buildChannelSignal("channel-close", 7)]],
  "a window for a channel that is not there": () => [[buildWindowAdjust(7, 100)]],
  "a request for a channel that is not there": () => [[buildChannelRequest(7, "shell", true)]],
  "replies that no one asked for": () => [
    [payload(81), payload(82), payload(99, u32(0)), payload(100, u32(0))],
  ],
  "a session and unknown requests on it": () => [
    [open(5)],
    [buildChannelRequest(0, "what@ever", true), payload(191), buildChannelRequest(0, "what@ever", false)],
    [buildChannelSignal("channel-close", 0)],
  ],
  "exec with more behind it": () => [
    [open(5)],
    [buildChannelRequest(0, "exec", true, string("true"), u32(0))],
  ],
};

/** Keyboard-interactive is asked only of an sshd with PAM. */
const WITH_PAM: Record<string, (context: Context) => readonly Step[]> = {
  "a wrong answer": ({ user }) => [[SERVICE, ask(user, "")], [answer("wrong")]],
  "devices by every name": ({ user }) => [
    [SERVICE, ask(user, "pam"), ask(user, "p"), ask(user, "skey,pam"), ask(user, "")],
    [ask(user, "skey")],
    [ask(user, ",pam")],
    [ask(user, "pamm")],
  ],
  "no answer but another request": ({ user }) => [
    [SERVICE, ask(user, "")],
    [buildUserauthRequest(user, "none")],
    [answer("late")],
  ],
  "two answers": ({ user }) => [[SERVICE, ask(user, "")], [answer("one", "two")]],
  "no answers": ({ user }) => [[SERVICE, ask(user, "")], [answer()]],
  "an answer with a NUL": ({ user }) => [[SERVICE, ask(user, "")], [answer("a\0b")]],
  "a question with more behind it": ({ user }) => [[SERVICE, Buffer.concat([ask(user, ""), Buffer.of(0)])]],
  "an unknown user": () => [[SERVICE, ask(Buffer.from("no-such-user"), "")], [answer("x")]],
};

function ask(user: Buffer, devices: string): Buffer {
  return buildUserauthRequest(user, "keyboard-interactive", string(""), string(devices));
}

function answer(...answers: readonly string[]): Buffer {
  return payload(MSG.USERAUTH_INFO_RESPONSE, u32(answers.length), ...answers.map((text) => string(text)));
}

async function same(
  steps: (context: Context) => readonly Step[],
  fence: { readonly question: Buffer; readonly answers: readonly number[] },
  loggedIn: boolean,
  behind: Sshd = sshd,
  ahead: Front = front,
): Promise<void> {
  const [theirs, ours] = await Promise.all(
    [behind.port, ahead.port].map((port) => transcript(port, behind, steps, fence, loggedIn)),
  );
  assert.deepEqual(ours, theirs);
}

describe("like sshd before login", { concurrency: 4 }, () => {
  const fence = { question: SERVICE, answers: [MSG.SERVICE_ACCEPT] };
  for (const [name, steps] of Object.entries(BEFORE_LOGIN)) {
    it(name, () => same(steps, fence, false));
  }
});

describe("like sshd with PAM", { concurrency: 4 }, () => {
  const fence = { question: SERVICE, answers: [MSG.SERVICE_ACCEPT] };
  const methods = ["publickey", "password", "keyboard-interactive"] as const;
  let withPam: Sshd;
  let ahead: Front;
  before(async () => {
    withPam = await startSshd("UsePAM yes", "KbdInteractiveAuthentication yes");
    ahead = await startFront(withPam, { decide: asSshd, methods });
  });
  after(async () => {
    await ahead[Symbol.asyncDispose]();
    await withPam[Symbol.asyncDispose]();
  });
  for (const [name, steps] of Object.entries(WITH_PAM)) {
    it(name, () => same(steps, fence, false, withPam, ahead));
  }
});

describe("like sshd after login", { concurrency: 4 }, () => {
  const fence = { question: KEEPALIVE, answers: [MSG.REQUEST_SUCCESS, MSG.REQUEST_FAILURE] };
  for (const [name, steps] of Object.entries(AFTER_LOGIN)) {
    it(name, () => same(steps, fence, true));
  }
});

describe("like sshd, what other transports do not show", () => {
  it("numbers in UNIMPLEMENTED, and DEBUG after a login with a key", async () => {
    const options = "agent-forwarding port-forwarding pty user-rc x11-forwarding";
    await using ahead = await startFront(sshd, {
      decide: asSshd,
      debugLines: [`${sshd.folder}/authorized_keys:1: key options: ${options}`],
    });
    const unknown = [8, 80, 90, 191].map((type) => payload(type, u32(0)).toString("hex")).join();
    const known = [5, 50, 83, 101, 191].map((type) => payload(type, u32(0)));
    // No reply is lost among them, nor comes before its time.
    const mixed = [...known, open(9, "what@ever"), ...known, buildGlobalRequest("a@b", true), ...known];
    const [theirs, ours] = await Promise.all(
      [sshd.port, ahead.port].map((port) =>
        run("/usr/bin/python3", [
          join(import.meta.dirname, "transcript.py"),
          ...[String(port), sshd.user, sshd.identity.path],
          unknown,
          mixed.map((bytes) => bytes.toString("hex")).join(),
        ]),
      ),
    );
    assert.ok(theirs && ours);
    assert.equal(theirs.code, 0, theirs.stderr);
    assert.equal(ours.stdout.toString(), theirs.stdout.toString());
    assert.equal(theirs.stdout.toString().match(/^03/gm)?.length, 4 + 3 * known.length);
  });
});
