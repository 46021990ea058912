/** After the login: all that a connection can be asked for. */
import type { Phase, Probe, Script, Series } from "../compare.ts";
import { message, str, u32, type Field } from "../encoding.ts";
import type { Prober } from "../prober.ts";
import { ALICE, ROOT } from "../targets.ts";
import { numbered } from "./before-keys.ts";
import { shared } from "./under-keys.ts";

const asRoot: Script = (prober) => prober.login(ROOT.user, ROOT.password);
const asAlice: Script = (prober) => prober.login(ALICE.user, ALICE.password);

const open = (id: number, type = "session", ...fields: readonly Field[]) =>
  message(90, type, u32(id), u32(2_097_152), u32(32_768), ...fields);
const ask = (channel: number, name: string, wantReply: boolean, ...fields: readonly Field[]) =>
  message(98, u32(channel), name, wantReply ? 1 : 0, ...fields);
const data = (channel: number, text: string) => message(94, u32(channel), text);
const global = (name: string, wantReply: boolean, ...fields: readonly Field[]) =>
  message(80, name, wantReply ? 1 : 0, ...fields);

/** Numbers that end the connection; each costs a login, so the last range is only looked into. */
const LONG = process.env["MITSUBAKO_SLOW"] === "1";
const NUMBERS = Array.from({ length: 256 }, (_, type) => type)
  .filter((type) => LONG || type < 194 || type > 253)
  .map((type) => [`type ${type}`, numbered(type)] as const);

export const numbersAfterLogin: Phase = {
  name: "message numbers after login",
  concurrency: 6,
  probes: shared("after login", asRoot, NUMBERS),
};

const GLOBALS: Record<string, Buffer> = {
  keepalive: global("keepalive@openssh.com", true),
  "keepalive without an answer": global("keepalive@openssh.com", false),
  "an unknown one": global("what@ever", true),
  "an unknown one without an answer": global("what@ever", false),
  "an empty one": global("", true),
  "a flag of 7": message(80, "what@ever", 7),
  "no more sessions": global("no-more-sessions@openssh.com", true),
  "an empty bind": global("tcpip-forward", true),
  "a bind at a port over 65535": global("tcpip-forward", true, "127.0.0.1", u32(70_000)),
  "a cancel of nothing": global("cancel-tcpip-forward", true, "127.0.0.1", u32(1)),
  "a cancel that is cut": global("cancel-tcpip-forward", true, "127.0.0.1"),
  "a socket forward where no folder is": global("streamlocal-forward@openssh.com", true, "/nowhere/x"),
  "a socket's cancel": global("cancel-streamlocal-forward@openssh.com", true, "/nowhere/x"),
  "a proof of nothing": global("hostkeys-prove-00@openssh.com", true),
  "a proof of a foreign key": global("hostkeys-prove-00@openssh.com", true, str(str("ssh-ed25519"))),
  "a proof that is cut": global("hostkeys-prove-00@openssh.com", true, u32(500)),
  "hostkeys from the client": global("hostkeys-00@openssh.com", true, str("x")),
  elevation: global("elevation", true, 1),
  "more behind it": global("keepalive@openssh.com", true, "more"),
  "one that is cut": message(80, "keepalive@openssh.com"),
  "none at all": Buffer.of(80),
  "replies that nobody asked for": Buffer.of(81),
  "failures that nobody asked for": Buffer.of(82),
};

const OPENS: Record<string, Buffer> = {
  "an unknown type": open(1, "what@ever"),
  "an empty type": open(1, ""),
  x11: open(1, "x11", "127.0.0.1", u32(6000)),
  "forwarded-tcpip": open(1, "forwarded-tcpip", "127.0.0.1", u32(1), "127.0.0.1", u32(1)),
  "auth-agent": open(1, "auth-agent@openssh.com"),
  "direct-tcpip to a closed port": open(1, "direct-tcpip", "127.0.0.1", u32(1), "127.0.0.1", u32(1)),
  "direct-tcpip that is cut": open(1, "direct-tcpip", "127.0.0.1"),
  "direct-tcpip to port 0": open(1, "direct-tcpip", "127.0.0.1", u32(0), "127.0.0.1", u32(1)),
  "direct-tcpip to a port over 65535": open(1, "direct-tcpip", "127.0.0.1", u32(70_000), "127.0.0.1", u32(1)),
  "direct-streamlocal to nothing": open(1, "direct-streamlocal@openssh.com", "/nowhere", "", u32(0)),
  "direct-streamlocal that is cut": open(1, "direct-streamlocal@openssh.com"),
  "a tunnel": open(1, "tun@openssh.com", u32(1), u32(0)),
  "a session with more behind it": open(1, "session", "more"),
  "a session of a window of 0": message(90, "session", u32(2), u32(0), u32(32_768)),
  "a session of packets of 0": message(90, "session", u32(3), u32(1000), u32(0)),
  "a session of 4 GiB": message(90, "session", u32(4), u32(0xffffffff), u32(0xffffffff)),
  "an open that is cut": open(1).subarray(0, -4),
  "an open of nothing": Buffer.of(90),
};

const STRAYS: Record<string, Buffer> = {
  data: data(77, "x"),
  "extended data": message(95, u32(77), u32(1), "x"),
  EOF: message(96, u32(77)),
  CLOSE: message(97, u32(77)),
  "a window": message(93, u32(77), u32(100)),
  "a request": ask(77, "shell", true),
  "a request without an answer": ask(77, "shell", false),
  "a confirmation": message(91, u32(77), u32(0), u32(0), u32(0)),
  "a failure to open": message(92, u32(77), u32(1), "x", ""),
  success: message(99, u32(77)),
  failure: message(100, u32(77)),
  "data that is cut": message(94, u32(77), u32(10)),
};

const ENV = ask(0, "env", true, "LANG", "C");
const PTY = (channel = 0) => ask(channel, "pty-req", true, "xterm", u32(80), u32(24), u32(0), u32(0), "\0");
/** Asked of a session channel that nothing runs on; each on a channel of its own, closed before the next. */
const REQUESTS: Record<string, Buffer> = {
  env: ENV,
  "env that is not taken": ask(0, "env", true, "LD_PRELOAD", "x"),
  "env that is cut": ask(0, "env", true, "LANG"),
  "an unknown one": ask(0, "what@ever", true),
  "an unknown one without an answer": ask(0, "what@ever", false),
  "an empty one": ask(0, "", true),
  "a subsystem that is unknown": ask(0, "subsystem", true, "nothing"),
  "a subsystem that is cut": ask(0, "subsystem", true),
  pty: PTY(),
  "pty without an answer": ask(0, "pty-req", false, "xterm", u32(80), u32(24), u32(0), u32(0), "\0"),
  "pty that is cut": ask(0, "pty-req", true, "xterm", u32(80)),
  "a window change": ask(0, "window-change", true, u32(80), u32(24), u32(0), u32(0)),
  "a window change without a terminal": ask(0, "window-change", false, u32(80), u32(24), u32(0), u32(0)),
  "a signal to nobody": ask(0, "signal", true, "TERM"),
  "a break": ask(0, "break", true, u32(100)),
  "an exit status from the client": ask(0, "exit-status", true, u32(0)),
  "an exit signal from the client": ask(0, "exit-signal", true, "TERM", 0, "", ""),
  xon: ask(0, "xon-xoff", true, 1),
  eow: ask(0, "eow@openssh.com", false),
  "eow with an answer": ask(0, "eow@openssh.com", true),
  "agent forwarding, without an answer": ask(0, "auth-agent-req@openssh.com", false),
  x11: ask(0, "x11-req", true, 0, "MIT-MAGIC-COOKIE-1", "00".repeat(16), u32(0)),
  "x11 with a cookie that is none": ask(0, "x11-req", true, 0, "MIT-MAGIC-COOKIE-1", "zz", u32(0)),
  "x11 that is cut": ask(0, "x11-req", true, 0),
  "an exec that is cut": ask(0, "exec", true),
};

const command = (text: string) => ask(0, "exec", true, text);
const ran =
  (...payloads: readonly Buffer[]): Script =>
  async (prober) => {
    await asRoot(prober);
    await prober.ask(open(5));
    for (const payload of payloads) prober.say(payload);
    await prober.until(() => prober.packets.some(([type]) => type === 97));
  };

/** In what order data, EOF, status and CLOSE come. Two file descriptors that are ready at once may be read in either order. */
const RUNS: Record<string, Script> = {
  "exec true": ran(command("true")),
  "exec false": ran(command("false")),
  "exec without an answer": ran(ask(0, "exec", false, "true")),
  "exec of nothing": ran(command("")),
  "exec of what is not there": ran(command("/nowhere")),
  "exit 255": ran(command("exit 255")),
  "exit 300": ran(command("exit 300")),
  "a word": ran(command("echo -n word; sleep 0.3")),
  "a word to standard error": ran(command("echo -n word >&2; sleep 0.3")),
  "killed by TERM": ran(command("kill -TERM $$")),
  "killed by KILL": ran(command("kill -KILL $$")),
  "killed by SEGV": ran(command("kill -SEGV $$")),
  "killed by USR1": ran(command("kill -USR1 $$")),
  "output closed first": ran(command("exec >&- 2>&-; sleep 0.3; exit 3")),
  "cat, with an end of input": ran(command("cat"), data(0, "hello"), message(96, u32(0))),
  "an end of input at once": ran(command("sleep 0.3; wc -c"), message(96, u32(0))),
  "an end of input before it is run": async (prober) => {
    await asRoot(prober);
    await prober.ask(open(5));
    prober.say(message(96, u32(0)));
    prober.say(command("wc -c"));
    await prober.quiet();
  },
  "sftp, with an end of input": ran(ask(0, "subsystem", true, "sftp"), message(96, u32(0))),
  "sftp's hello": ran(
    ask(0, "subsystem", true, "sftp"),
    data(0, "\0\0\0\x05\x01\0\0\0\x03"),
    message(96, u32(0)),
  ),
  "a terminal": ran(PTY(), command("tty >/dev/null && echo yes; sleep 0.3")),
  "a terminal's size": ran(PTY(), command("sleep 0.2; stty size; sleep 0.3")),
  "a terminal of no type": ran(
    ask(0, "pty-req", true, "", u32(0), u32(0), u32(0), u32(0), ""),
    command("echo $TERM; sleep 0.3"),
  ),
  variables: ran(ENV, ask(0, "env", true, "LC_TEST", "a b"), command("echo $LANG,$LC_TEST; sleep 0.3")),
  "a signal": ran(command("sleep 5"), ask(0, "signal", true, "TERM")),
  "a signal that is unknown": ran(command("sleep 0.3"), ask(0, "signal", true, "WHAT")),
  "run twice": ran(command("sleep 0.3"), command("true")),
  "a CLOSE while it runs": ran(command("sleep 0.3"), message(97, u32(0))),
  "a window that is too small": async (prober) => {
    await asRoot(prober);
    await prober.ask(message(90, "session", u32(5), u32(10), u32(4)));
    prober.say(command("echo 0123456789abcdef; sleep 2"));
    await prober.until(() => prober.packets.filter(([type]) => type === 94).length >= 3);
    await prober.fence();
    prober.say(message(93, u32(0), u32(100)));
    await prober.until(() => prober.packets.some(([type]) => type === 97));
  },
  "more than the window": async (prober) => {
    await asRoot(prober);
    await prober.ask(open(5));
    prober.say(command("sleep 1"));
    for (let sent = 0; sent < 2_200_000; sent += 32_768) prober.say(data(0, "x".repeat(32_768)));
    await prober.quiet();
  },
  "a packet over its size": async (prober) => {
    await asRoot(prober);
    await prober.ask(open(5));
    prober.say(command("sleep 0.3"));
    prober.say(data(0, "x".repeat(40_000)));
    await prober.quiet();
  },
  "a window that overflows": async (prober) => {
    await asRoot(prober);
    await prober.ask(open(5));
    prober.say(message(93, u32(0), u32(0xffffffff)));
    await prober.fence();
  },
  "eleven sessions": async (prober) => {
    await asRoot(prober);
    for (let id = 0; id < 11; id++) await prober.ask(open(id));
  },
  "sessions after no more of them": async (prober) => {
    await asRoot(prober);
    prober.say(global("no-more-sessions@openssh.com", false));
    await prober.ask(open(1));
  },
  "no more sessions, then a session of alice": async (prober) => {
    await asAlice(prober);
    await prober.ask(global("no-more-sessions@openssh.com", true));
    prober.say(open(1));
    await prober.until(() => prober.ended);
  },
  "a bind at a low port of alice": async (prober) => {
    await asAlice(prober);
    await prober.ask(global("tcpip-forward", true, "127.0.0.1", u32(7)));
  },
  "two at a time": async (prober) => {
    await asRoot(prober);
    await prober.ask(open(5));
    await prober.ask(open(6));
    prober.say(command("sleep 0.2"));
    prober.say(ask(1, "exec", true, "sleep 0.6; exit 4"));
    await prober.until(() => prober.packets.filter(([type]) => type === 97).length >= 2);
  },
  "a DISCONNECT": async (prober) => {
    await asRoot(prober);
    prober.say(message(1, u32(11), "bye", ""));
    await prober.until(() => prober.ended);
  },
  "a DISCONNECT while something runs": async (prober) => {
    await asRoot(prober);
    await prober.ask(open(5));
    await prober.ask(command("sleep 1"));
    prober.say(message(1, u32(11), "bye", ""));
    await prober.until(() => prober.ended);
  },
  "the end of input": async (prober) => {
    await asRoot(prober);
    prober.endInput();
    await prober.until(() => prober.ended);
  },
  "a service again": async (prober) => {
    await asRoot(prober);
    prober.say(message(5, "ssh-userauth"));
    prober.say(message(50, "root", "ssh-connection", "none"));
  },
  "all in one write": async (prober) => {
    await asRoot(prober);
    prober.say(open(5));
    prober.say(ENV);
    prober.say(command("exit 7"));
    await prober.until(() => prober.packets.some(([type]) => type === 97));
  },
};

/** Output may be read in one piece or in several: what counts is what it is, and where it stands among the rest. */
function series(name: string, payloads: Readonly<Record<string, Buffer>>): Series[] {
  return shared(name, asRoot, Object.entries(payloads));
}

function onChannels(): Series {
  // The same series is asked of both servers at once.
  const opened = new WeakMap<Prober, number>();
  return {
    name: "channel requests",
    begin: asRoot,
    items: Object.entries(REQUESTS).map(([name, payload]) => ({
      name,
      script: async (prober: Prober) => {
        // sshd gives the lowest number that is free.
        const count = opened.get(prober) ?? 0;
        opened.set(prober, count + 1);
        await prober.ask(open(10 + count));
        prober.say(payload);
        await prober.fence();
        const before = prober.packets.length;
        prober.say(message(97, u32(0)));
        await prober.until(() => prober.packets.slice(before).some(([type]) => type === 97));
      },
    })),
  };
}

/**
 * Of an sshd that knows pings. One that does not ends the connection at the first: whether what was asked with it at once is answered before is
 * a race between the sandbox and us.
 */
export const pings: Phase = {
  name: "pings",
  probes: Object.entries<Script>({
    "pings between requests": async (prober) => {
      await asRoot(prober);
      prober.say(global("what@ever", true));
      prober.say(message(192, "one"));
      prober.say(open(5));
      prober.say(message(192, ""));
      prober.say(message(193, "two"));
      await prober.fence();
    },
    "a ping that is cut": async (prober) => {
      await asRoot(prober);
      prober.say(Buffer.concat([Buffer.of(192), u32(9), Buffer.from("x")]));
      await prober.fence();
    },
  }).map(([name, script]): Probe => ({ name, script })),
};

export const connection: Phase = {
  name: "after login",
  concurrency: 8,
  probes: [
    ...series("global requests", GLOBALS),
    ...series("channel opens", OPENS),
    ...series("for channels that are not there", STRAYS),
    onChannels(),
    ...Object.entries(RUNS).map(([name, script]): Probe => ({ name, script })),
  ],
};

export const rekeying: Phase = {
  name: "new keys",
  concurrency: 8,
  probes: [
    {
      name: "asked for by the client",
      script: async (prober) => {
        await asRoot(prober);
        await prober.rekey();
        await prober.fence();
      },
    },
    {
      name: "asked for twice",
      script: async (prober) => {
        await asRoot(prober);
        await prober.rekey();
        await prober.rekey();
        await prober.fence();
      },
    },
    {
      name: "in AES-GCM",
      options: { offer: { cipher: ["aes128-gcm@openssh.com"] } },
      script: async (prober) => {
        await asRoot(prober);
        await prober.rekey();
        await prober.fence();
      },
    },
    {
      name: "while something runs",
      script: async (prober) => {
        await asRoot(prober);
        await prober.ask(open(5));
        await prober.ask(command("sleep 0.5; echo -n late; sleep 0.3"));
        await prober.rekey();
        await prober.until(() => prober.packets.some(([type]) => type === 97));
      },
    },
    {
      name: "before the login",
      script: async (prober) => {
        await prober.ready();
        prober.beginRekey();
        await prober.quiet();
      },
    },
    {
      name: "a KEXINIT that is malformed",
      script: async (prober) => {
        await asRoot(prober);
        prober.say(Buffer.of(20));
        await prober.quiet();
      },
    },
    {
      name: "a request within it",
      script: async (prober) => {
        await asRoot(prober);
        prober.beginRekey();
        prober.say(global("keepalive@openssh.com", true));
        await prober.fence();
      },
    },
  ],
};
