import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { toByteString } from "../../../gateway/model/bytes.ts";
import {
  buildChannelOpen,
  buildChannelOpenConfirmation,
  buildChannelOpenFailure,
} from "../../../gateway/ssh/messages/channel-open.ts";
import { buildChannelRequest, buildWindowSize } from "../../../gateway/ssh/messages/channel-request.ts";
import {
  buildChannelData,
  buildChannelExtendedData,
  buildChannelSignal,
  buildWindowAdjust,
} from "../../../gateway/ssh/messages/channel.ts";
import {
  buildDebug,
  buildDisconnect,
  buildServiceRequest,
  parseDisconnect,
  parseService,
} from "../../../gateway/ssh/messages/general.ts";
import {
  buildGlobalRequest,
  buildRequestFailure,
  buildRequestSuccess,
} from "../../../gateway/ssh/messages/global.ts";
import { parseConnectionMessage } from "../../../gateway/ssh/messages/message.ts";
import { parseTerminalModes } from "../../../gateway/ssh/messages/terminal-modes.ts";
import { bool, string, u32 } from "../../../gateway/ssh/messages/writer.ts";

const b = (text: string) => toByteString(Buffer.from(text, "latin1"));

/** Bytes as they stand in the RFCs' field lists, beside what they mean. */
const GOLDEN = [
  [
    "5a 00000007 73657373696f6e 00000000 00200000 00008000",
    {
      kind: "channel-open",
      channelType: "session",
      sender: 0,
      window: 0x200000,
      maxPacket: 0x8000,
      open: { kind: "session" },
    },
  ],
  [
    "5a 0000000c 6469726563742d7463706970 00000003 00200000 00008000 00000009 3132372e302e302e31 00000019 00000003 3a3a31 0000d431",
    {
      kind: "channel-open",
      channelType: "direct-tcpip",
      sender: 3,
      window: 0x200000,
      maxPacket: 0x8000,
      open: {
        kind: "direct-tcpip",
        to: { host: "127.0.0.1", port: 25 },
        origin: { host: "::1", port: 54321 },
      },
    },
  ],
  [
    "62 00000000 00000007 7074792d726571 01 00000005 787465726d 00000050 00000018 00000280 000001e0 00000006 03 0000007f 00",
    {
      kind: "channel-request",
      recipient: 0,
      name: "pty-req",
      wantReply: true,
      request: {
        kind: "pty-req",
        term: "xterm",
        size: { columns: 80, rows: 24, width: 640, height: 480 },
        modes: Buffer.from("030000007f00", "hex"),
      },
    },
  ],
  [
    "62 00000001 0000000b 657869742d737461747573 00 00000007",
    {
      kind: "channel-request",
      recipient: 1,
      name: "exit-status",
      wantReply: false,
      request: { kind: "exit-status", status: 7 },
    },
  ],
  [
    "50 0000000d 74637069702d666f7277617264 01 00000000 00000000",
    {
      kind: "global-request",
      name: "tcpip-forward",
      wantReply: true,
      request: { kind: "tcpip-forward", address: "", port: 0 },
    },
  ],
  ["51 0000a000", { kind: "request-success", data: Buffer.from("0000a000", "hex") }],
  ["52", { kind: "request-failure" }],
  [
    "5f 00000002 00000001 00000002 ffd8",
    { kind: "channel-extended-data", recipient: 2, dataType: 1, data: Buffer.from("ffd8", "hex") },
  ],
  ["5e 00000002 00000001 00", { kind: "channel-data", recipient: 2, data: Buffer.of(0) }],
  ["61 00000009", { kind: "channel-close", recipient: 9 }],
] as const;

describe("messages", () => {
  for (const [hex, expected] of GOLDEN) {
    it(`reads ${expected.kind} ${"request" in expected ? expected.request.kind : ""}`, () => {
      assert.deepEqual(parseConnectionMessage(Buffer.from(hex.replaceAll(" ", ""), "hex")), expected);
    });
  }

  /** One of each, made by the builders. */
  const built: readonly (readonly [Buffer, string])[] = [
    [buildGlobalRequest("keepalive@openssh.com", true), "keepalive@openssh.com"],
    [buildGlobalRequest("no-more-sessions@openssh.com", false), "no-more-sessions@openssh.com"],
    [buildGlobalRequest("cancel-tcpip-forward", true, string("0.0.0.0"), u32(8080)), "cancel-tcpip-forward"],
    [
      buildGlobalRequest("streamlocal-forward@openssh.com", true, string("/tmp/a")),
      "streamlocal-forward@openssh.com",
    ],
    [
      buildGlobalRequest("hostkeys-00@openssh.com", false, string("one"), string("two")),
      "hostkeys-00@openssh.com",
    ],
    [buildChannelRequest(0, "shell", true), "shell"],
    [buildChannelRequest(0, "exec", true, string("id; \xff")), "exec"],
    [buildChannelRequest(0, "subsystem", true, string("sftp")), "subsystem"],
    [buildChannelRequest(0, "env", false, string("LANG"), string("C")), "env"],
    [
      buildChannelRequest(
        0,
        "window-change",
        false,
        buildWindowSize({ columns: 1, rows: 2, width: 3, height: 4 }),
      ),
      "window-change",
    ],
    [buildChannelRequest(0, "signal", false, string("INT")), "signal"],
    [buildChannelRequest(0, "break", true, u32(500)), "break"],
    [
      buildChannelRequest(
        0,
        "exit-signal",
        false,
        string("SEGV"),
        bool(true),
        string("Error: 😱"),
        string(""),
      ),
      "exit-signal",
    ],
    [
      buildChannelRequest(
        0,
        "x11-req",
        true,
        bool(false),
        string("MIT-MAGIC-COOKIE-1"),
        string("00ff"),
        u32(0),
      ),
      "x11-req",
    ],
    [buildChannelRequest(0, "auth-agent-req@openssh.com", false), "auth-agent-req@openssh.com"],
    [buildChannelRequest(0, "eow@openssh.com", false), "eow@openssh.com"],
    [buildChannelRequest(0, "xon-xoff", false, bool(true)), "xon-xoff"],
  ];
  for (const [bytes, kind] of built) {
    it(`builds and reads the request ${kind}`, () => {
      const message = parseConnectionMessage(bytes);
      assert.ok(message.kind === "global-request" || message.kind === "channel-request");
      assert.equal(message.request.kind, kind);
    });
  }

  it("reads every kind of channel open that OpenSSH makes", () => {
    const head = { sender: 4, window: 5, maxPacket: 6 };
    const address = [string("h"), u32(1), string("o"), u32(2)];
    for (const [type, fields] of [
      ["session", []],
      ["auth-agent@openssh.com", []],
      ["direct-tcpip", address],
      ["forwarded-tcpip", address],
      ["x11", [string("::1"), u32(6010)]],
      ["direct-streamlocal@openssh.com", [string("/s"), string(""), u32(0)]],
      ["forwarded-streamlocal@openssh.com", [string("/s"), string("")]],
      ["tun@openssh.com", [u32(1), u32(0x7fffffff)]],
    ] as const) {
      const message = parseConnectionMessage(buildChannelOpen(type, head, ...fields));
      assert.ok(message.kind === "channel-open");
      assert.equal(message.open.kind, type);
      assert.equal(message.sender, 4);
    }
  });

  it("keeps the bytes of what it does not know, and of what does not hold what its name says", () => {
    const unknown = parseConnectionMessage(
      buildChannelRequest(1, "simple@putty.projects.tartarus.org", false, u32(1)),
    );
    assert.ok(unknown.kind === "channel-request");
    assert.deepEqual(unknown.request, { kind: "other", data: u32(1) });
    const short = parseConnectionMessage(buildChannelRequest(1, "exec", true, u32(100)));
    assert.ok(short.kind === "channel-request" && short.request.kind === "other");
    const trailing = parseConnectionMessage(buildChannelRequest(1, "shell", true, u32(100)));
    assert.ok(trailing.kind === "channel-request" && trailing.request.kind === "other");
  });

  it("reads a forward request with bytes behind it, which sshd takes too", () => {
    const message = parseConnectionMessage(
      buildGlobalRequest("tcpip-forward", true, string("0.0.0.0"), u32(8080), Buffer.from("more")),
    );
    assert.ok(message.kind === "global-request" && message.request.kind === "tcpip-forward");
    assert.equal(message.request.port, 8080);
  });

  it("keeps strings as bytes", () => {
    const message = parseConnectionMessage(
      buildChannelRequest(0, "exec", true, string(Buffer.from([0, 0xff, 0x80]))),
    );
    assert.ok(message.kind === "channel-request" && message.request.kind === "exec");
    assert.equal(message.request.command, b("\x00\xff\x80"));
  });

  it("reads DISCONNECT without a language, and services", () => {
    assert.deepEqual(parseDisconnect(buildDisconnect(11, "bye")), {
      kind: "disconnect",
      code: 11,
      description: "bye",
    });
    assert.deepEqual(parseDisconnect(Buffer.concat([Buffer.of(1), u32(11), string("bye")])), {
      kind: "disconnect",
      code: 11,
      description: "bye",
    });
    assert.equal(parseDisconnect(Buffer.of(1, 0, 0)).kind, "malformed");
    assert.deepEqual(parseService(buildServiceRequest("ssh-userauth")), {
      kind: "service-request",
      service: Buffer.from("ssh-userauth"),
    });
    assert.equal(buildDebug("x").toString("hex"), "04" + "00" + "00000001" + "78" + "00000000");
  });

  it("reads terminal modes up to the end mark", () => {
    const modes = Buffer.from(
      "81000096000300000 07f35000000012a00000001c80000000000".replaceAll(" ", ""),
      "hex",
    );
    assert.deepEqual(parseTerminalModes(modes), [
      { opcode: 129, name: "TTY_OP_OSPEED", value: 38400 },
      { opcode: 3, name: "VERASE", value: 127 },
      { opcode: 53, name: "ECHO", value: 1 },
      { opcode: 42, name: "IUTF8", value: 1 },
    ]);
    assert.deepEqual(parseTerminalModes(Buffer.of(1, 0, 0)), []);
  });

  it("answers every cut and every appended byte of every message with a value, never by throwing", () => {
    const whole = [
      ...built.map(([bytes]) => bytes),
      ...GOLDEN.map(([hex]) => Buffer.from(hex.replaceAll(" ", ""), "hex")),
      buildChannelOpenConfirmation({ recipient: 1, sender: 2, window: 3, maxPacket: 4 }),
      buildChannelOpenFailure(1, 2, "open failed"),
      buildWindowAdjust(1, 2),
      buildChannelData(1, "data"),
      buildChannelExtendedData(1, 1, "data"),
      buildChannelSignal("channel-eof", 1),
      buildRequestSuccess(u32(1)),
      buildRequestFailure(),
    ];
    for (const bytes of whole) {
      assert.notEqual(parseConnectionMessage(bytes).kind, "malformed");
      for (let length = 0; length < bytes.length; length++) {
        parseConnectionMessage(bytes.subarray(0, length));
      }
      parseConnectionMessage(Buffer.concat([bytes, Buffer.of(0)]));
    }
    assert.deepEqual(parseConnectionMessage(buildChannelData(1, "data").subarray(0, 7)), {
      kind: "malformed",
      type: 94,
      problem: "truncated",
    });
    assert.deepEqual(parseConnectionMessage(Buffer.concat([buildWindowAdjust(1, 2), Buffer.of(0)])), {
      kind: "malformed",
      type: 93,
      problem: "trailing-bytes",
    });
    assert.deepEqual(parseConnectionMessage(Buffer.alloc(0)), {
      kind: "malformed",
      type: -1,
      problem: "unknown-type",
    });
  });

  it("answers random bytes with a value, never by throwing", () => {
    let state = 1;
    const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
    for (let round = 0; round < 50_000; round++) {
      const bytes = Buffer.from(
        Array.from({ length: random() % 40 }, () => random() % (round % 3 ? 256 : 4)),
      );
      if (bytes.length > 0) bytes[0] = 80 + (random() % 21);
      parseConnectionMessage(bytes);
    }
  });
});
