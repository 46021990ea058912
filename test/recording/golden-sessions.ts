/**
 * The sessions whose recordings are kept in test/goldens/recordings. What is committed there was written by the
 * first version of the form and is never written again; this says what is in it.
 */
import { truncateSync } from "node:fs";
import { toByteString } from "../../gateway/model/bytes.ts";
import type { Fact, Origin, SessionEnded } from "../../gateway/model/entries.ts";
import type { SandboxId, SessionId } from "../../gateway/model/ids.ts";
import { createRecording } from "../../gateway/recording/writer.ts";
import {
  buildChannelOpen,
  buildChannelOpenConfirmation,
  buildChannelOpenFailure,
} from "../../gateway/ssh/messages/channel-open.ts";
import { buildChannelRequest, buildWindowSize } from "../../gateway/ssh/messages/channel-request.ts";
import {
  buildChannelData,
  buildChannelExtendedData,
  buildChannelSignal,
  buildWindowAdjust,
} from "../../gateway/ssh/messages/channel.ts";
import { string, u32 } from "../../gateway/ssh/messages/writer.ts";

type Step =
  | { readonly ms: number; readonly fact: Exclude<Fact, SessionEnded> }
  | { readonly ms: number; readonly from: Origin; readonly channel: number; readonly payload: Buffer };

export interface GoldenSession {
  readonly name: string;
  readonly session: SessionId;
  readonly steps: readonly Step[];
  /** Absent: its writer was killed. */
  readonly end?: { readonly ms: number; readonly fact: SessionEnded };
}

/** Writes it and returns the path of its recording. */
export async function record(golden: GoldenSession, folder: string): Promise<string> {
  let ms = 0;
  const now = () => BigInt(ms) * 1_000_000n;
  const recording = createRecording({ folder, session: golden.session, startedAt: 0n, now });
  for (const step of golden.steps) {
    ms = step.ms;
    if ("fact" in step) recording.fact(step.fact);
    else recording.packet(step.from, step.channel, step.payload);
  }
  recording.flush();
  if (golden.end === undefined) {
    await recording[Symbol.asyncDispose]();
    // In the middle of a write: the last entry is not whole.
    truncateSync(recording.path, recording.bytes - 7);
  } else {
    ms = golden.end.ms;
    await recording.close(golden.end.fact);
  }
  return recording.path;
}

const HEAD = { sender: 0, window: 2_097_152, maxPacket: 32_768 };
const SIZE = { columns: 80, rows: 24, width: 0, height: 0 };
/** VINTR 3, ECHO 1, TTY_OP_END. */
const MODES = Buffer.from([1, 0, 0, 0, 3, 53, 0, 0, 0, 1, 0]);

function opening(session: SessionId): Step[] {
  const offer = {
    kex: ["curve25519-sha256", "kex-strict-c-v00@openssh.com"],
    hostKey: ["ssh-ed25519"],
    cipherToServer: ["chacha20-poly1305@openssh.com"],
    cipherToClient: ["chacha20-poly1305@openssh.com"],
    macToServer: ["hmac-sha2-256-etm@openssh.com"],
    macToClient: ["hmac-sha2-256-etm@openssh.com"],
    compressionToServer: ["none"],
    compressionToClient: ["none"],
    languageToServer: [""],
    languageToClient: [""],
  };
  const agreed = {
    kex: "curve25519-sha256",
    hostKey: "ssh-ed25519",
    cipherToServer: "chacha20-poly1305@openssh.com",
    cipherToClient: "chacha20-poly1305@openssh.com",
    macToServer: "",
    macToClient: "",
    compressionToServer: "none",
    compressionToClient: "none",
  };
  return [
    {
      ms: 0,
      fact: {
        kind: "session-opened",
        session,
        startedAt: "2026-11-23T02:15:37.223438Z",
        source: { address: "192.0.2.7", port: 50123 },
        listener: { address: "198.51.100.1", port: 22 },
        sensor: "lab",
        persona: "debian-12",
        policy: "ab".repeat(32),
      },
    },
    { ms: 21, fact: { kind: "client-version", version: toByteString(Buffer.from("SSH-2.0-OpenSSH_9.2p1")) } },
    { ms: 24, fact: { kind: "key-exchange", offer, agreed, hassh: "0123456789abcdef0123456789abcdef" } },
  ];
}

function attempt(ms: number, number: number, user: string, password: Buffer, accepted: boolean): Step[] {
  return [
    {
      ms,
      fact: { kind: "attempt", number, user: toByteString(Buffer.from(user)), method: "password" },
    },
    { ms, fact: { kind: "credential", attempt: number, password: toByteString(password) } },
    {
      ms: ms + 40,
      fact: {
        kind: "answer",
        attempt: number,
        outcome: accepted ? "accepted" : "refused",
        by: "policy",
        rule: accepted ? "otherwise" : "no-root",
      },
    },
  ];
}

function login(ms: number, user: string): Step[] {
  return [
    ...attempt(ms, 1, user, Buffer.from("123456"), true),
    {
      ms: ms + 60,
      fact: {
        kind: "sandbox-leased",
        sandbox: "00112233aabb" as SandboxId,
        container: "mbk0-00112233aabb",
        address: "10.200.0.2",
        state: "new",
        image: "mitsubako/debian-12",
      },
    },
    { ms: ms + 90, fact: { kind: "logged-in", user: toByteString(Buffer.from(user)), method: "password" } },
  ];
}

const down = (ms: number, channel: number, payload: Buffer): Step => ({
  ms,
  from: "downstream",
  channel,
  payload,
});
const up = (ms: number, channel: number, payload: Buffer): Step => ({
  ms,
  from: "upstream",
  channel,
  payload,
});

function bytes(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** Shell on a terminal: prompts, typing with echo, colours, UTF-8 cut between packets, what is not UTF-8, a resize, sequences that ask the terminal. */
const shell: GoldenSession = {
  name: "v1-shell",
  session: "5e55105e1100" as SessionId,
  steps: [
    ...opening("5e55105e1100" as SessionId),
    ...login(30, "admin"),
    down(130, 1, buildChannelOpen("session", HEAD)),
    up(131, 1, buildChannelOpenConfirmation({ ...HEAD, recipient: 0 })),
    down(132, 1, buildChannelRequest(0, "env", false, string("LANG"), string("C.UTF-8"))),
    down(
      132,
      1,
      buildChannelRequest(0, "pty-req", true, string("xterm-256color"), buildWindowSize(SIZE), string(MODES)),
    ),
    up(133, 1, buildChannelSignal("channel-success", 0)),
    down(134, 1, buildChannelRequest(0, "shell", true)),
    up(136, 1, buildChannelSignal("channel-success", 0)),
    up(180, 1, buildChannelData(0, bytes("\x1b[01;32madmin@srv01\x1b[00m:\x1b[01;34m~\x1b[00m$ "))),
    down(900, 1, buildChannelData(0, bytes("l"))),
    up(901, 1, buildChannelData(0, bytes("l"))),
    down(1020, 1, buildChannelData(0, bytes("s\r"))),
    up(1021, 1, buildChannelData(0, bytes("s\r\n"))),
    up(1025, 1, buildChannelData(0, bytes("\xe8\x9c"))),
    up(1026, 1, buildChannelData(0, bytes("\x9c.txt  caf\xe9\r\n"))),
    down(
      5000,
      1,
      buildChannelRequest(0, "window-change", false, buildWindowSize({ ...SIZE, columns: 120, rows: 40 })),
    ),
    up(
      5001,
      1,
      buildChannelData(
        0,
        bytes("\x1b[?1049h\x1b[2J\x1b[6n\x1b[c\x1b]52;c;cm0=\x07\x1bP+q544e\x1b\\full\x1b[?1049l"),
      ),
    ),
    down(5003, 1, buildChannelData(0, bytes("\x1b[1;1R"))),
    down(65000, 1, buildChannelData(0, bytes("exit\r"))),
    up(65001, 1, buildChannelData(0, bytes("exit\r\nlogout\r\n"))),
    up(65002, 1, buildChannelSignal("channel-eof", 0)),
    up(65002, 1, buildChannelRequest(0, "exit-status", false, u32(130))),
    up(65002, 1, buildChannelSignal("channel-close", 0)),
    down(65003, 1, buildChannelSignal("channel-close", 0)),
  ],
  end: {
    ms: 65_010,
    fact: {
      kind: "session-ended",
      reason: "client-closed",
      disconnect: { code: 11, description: toByteString(bytes("disconnected by user")) },
    },
  },
};

/** Two commands at once with error output and an exit signal, a forward, a refused one, a request that was answered locally. */
const exec: GoldenSession = {
  name: "v1-exec",
  session: "e8ec0e8ec000" as SessionId,
  steps: [
    ...opening("e8ec0e8ec000" as SessionId),
    ...login(30, "root"),
    up(
      121,
      0,
      Buffer.concat([Buffer.of(80), string("hostkeys-00@openssh.com"), Buffer.of(0), string("key")]),
    ),
    down(
      125,
      0,
      Buffer.concat([Buffer.of(80), string("hostkeys-prove-00@openssh.com"), Buffer.of(1), string("key")]),
    ),
    { ms: 125, fact: { kind: "local-reply", request: "hostkeys-prove-00@openssh.com" } },
    down(130, 1, buildChannelOpen("session", HEAD)),
    down(130, 2, buildChannelOpen("session", { ...HEAD, sender: 1 })),
    up(131, 1, buildChannelOpenConfirmation({ ...HEAD, recipient: 0, sender: 0 })),
    up(131, 2, buildChannelOpenConfirmation({ ...HEAD, recipient: 1, sender: 1 })),
    down(132, 1, buildChannelRequest(0, "exec", true, string("uname -a; nproc >&2"))),
    down(132, 2, buildChannelRequest(1, "exec", true, string("cat > /tmp/.x"))),
    up(140, 1, buildChannelSignal("channel-success", 0)),
    up(140, 2, buildChannelSignal("channel-success", 1)),
    up(141, 1, buildChannelData(0, bytes("Linux srv01 6.1.0-28-amd64\n"))),
    down(141, 2, buildChannelData(1, bytes("\x7fELF\x00\xff\r\n\x1b[c"))),
    up(142, 1, buildChannelExtendedData(0, 1, bytes("2\n"))),
    up(142, 2, buildWindowAdjust(1, 12)),
    up(143, 1, buildChannelRequest(0, "exit-status", false, u32(0))),
    up(143, 1, buildChannelSignal("channel-eof", 0)),
    up(143, 1, buildChannelSignal("channel-close", 0)),
    down(144, 1, buildChannelSignal("channel-close", 0)),
    down(150, 2, buildChannelSignal("channel-eof", 1)),
    up(
      151,
      2,
      buildChannelRequest(
        1,
        "exit-signal",
        false,
        string("KILL"),
        Buffer.of(0),
        string("killed"),
        string(""),
      ),
    ),
    up(151, 2, buildChannelSignal("channel-close", 1)),
    down(152, 2, buildChannelSignal("channel-close", 1)),
    down(
      200,
      3,
      buildChannelOpen("direct-tcpip", HEAD, string("203.0.113.9"), u32(25), string("127.0.0.1"), u32(4001)),
    ),
    up(210, 3, buildChannelOpenFailure(0, 2, "Connection refused")),
  ],
  end: { ms: 300, fact: { kind: "session-ended", reason: "client-closed" } },
};

/** Refused three times; a password of bytes that are no text. */
const refused: GoldenSession = {
  name: "v1-refused",
  session: "0ff0ff0ff0ff" as SessionId,
  steps: [
    ...opening("0ff0ff0ff0ff" as SessionId),
    ...attempt(30, 1, "root", Buffer.from([0xff, 0x00, 0x80, 0x0a, 0x22]), false),
    ...attempt(90, 2, "root", Buffer.from("пароль"), false),
    ...attempt(150, 3, "root", Buffer.alloc(0), false),
  ],
  end: {
    ms: 200,
    fact: { kind: "session-ended", reason: "too-many-attempts", detail: "3 attempts" },
  },
};

/** The shell session, its writer killed after the first answer of the shell. */
const cut: GoldenSession = {
  name: "v1-cut",
  session: "c0c0c0c0c0c0" as SessionId,
  steps: [...opening("c0c0c0c0c0c0" as SessionId), ...shell.steps.slice(3, 17)],
};

/** What the sandbox tried on its network, with bytes that are no text. A reader that does not know the kind passes over it. */
const network: GoldenSession = {
  name: "v1-network",
  session: "0e770e770e77" as SessionId,
  steps: [
    ...opening("0e770e770e77" as SessionId),
    ...login(30, "root"),
    {
      ms: 400,
      fact: {
        kind: "network",
        rule: "bot",
        protocol: "tcp",
        from: 40_000,
        to: { address: "203.0.113.5", port: 25 },
        count: 14,
      },
    },
    {
      ms: 410,
      fact: {
        kind: "network",
        rule: "sinkhole",
        protocol: "tcp",
        from: 40_001,
        to: { address: "203.0.113.9", port: 80 },
        count: 1,
        name: toByteString(bytes("c2.example")),
        data: toByteString(bytes("GET / HTTP/1.1\r\nHost: c2\xff\r\n")),
        size: 5000,
      },
    },
    {
      ms: 420,
      fact: {
        kind: "network",
        rule: "fence",
        protocol: "other",
        number: 47,
        from: 0,
        to: { address: "169.254.169.254", port: 0 },
        count: 1,
      },
    },
  ],
  end: { ms: 500, fact: { kind: "session-ended", reason: "client-closed" } },
};

export const GOLDEN_SESSIONS: readonly GoldenSession[] = [shell, exec, refused, cut, network];
