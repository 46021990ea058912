/** A session as strangers have them, with something for every format, written as a recording. */
import type { TestContext } from "node:test";
import type { Entry } from "../../../gateway/model/entries.ts";
import { exportCommand } from "../../../gateway/replay/export/export.ts";
import type { ExportOptions } from "../../../gateway/replay/export/export-options.ts";
import { createRecording } from "../../../gateway/recording/writer.ts";
import { buildChannelRequest, buildWindowSize } from "../../../gateway/ssh/messages/channel-request.ts";
import { buildChannelExtendedData, buildChannelSignal } from "../../../gateway/ssh/messages/channel.ts";
import { Conversation } from "../../evidence/conversation.ts";
import { ownFolder } from "../../recording/sample.ts";
import { PassThrough, Writable } from "node:stream";

export const SESSION = "0a1b2c3d4e5f";
export const STARTED = "2026-11-23T02:15:37.223438Z";
/** Every byte there is. */
export const BINARY = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
export const PROMPT = "\x1b[01;32mroot@srv01\x1b[00m:~# ";

/** Microseconds of wall clock at the session's start. */
export const STARTED_MICROS = Date.parse("2026-11-23T02:15:37Z") * 1000 + 223438;

export interface ShellPiece {
  readonly from: "in" | "out";
  /** Milliseconds since the channel was opened. */
  readonly at: number;
  readonly data: Buffer;
}

/** What passed on channel 1, which has a terminal; a character is cut in two, and one byte is no UTF-8. */
export const SHELL: readonly ShellPiece[] = [
  { from: "out", at: 100, data: Buffer.from(`\x1b[?2004h${PROMPT}`) },
  { from: "in", at: 600, data: Buffer.from("cat ") },
  { from: "out", at: 610, data: Buffer.from("cat ") },
  { from: "in", at: 900, data: Buffer.from("\u871c\r") },
  { from: "out", at: 910, data: Buffer.from("\u871c\r\n\x1b[?2004l\r") },
  { from: "out", at: 930, data: Buffer.from([0x68, 0xc3]) },
  { from: "out", at: 940, data: Buffer.from([0xa9, 0xff, 0x0d, 0x0a]) },
  { from: "out", at: 950, data: Buffer.from(`\x1b[?2004h${PROMPT}`) },
  { from: "in", at: 2000, data: Buffer.from("vi x\r") },
  {
    from: "out",
    at: 2005,
    data: Buffer.from("vi x\r\n\x1b[?2004l\r\x1b[?1049h\x1b[2J\x1b[H~ full screen\x1b[40;1H-- status --"),
  },
  { from: "out", at: 5000, data: Buffer.from("\x1b[?1049l\x1b[?2004hafter\r\n") },
];
/** When the terminal was resized, in milliseconds since channel 1 was opened, and to what. */
export const RESIZED = { at: 2500, columns: 100, rows: 40 };

/** Two channels at once: a shell with a resize, and a program with both outputs, input and binary. */
export function conversation(): Conversation {
  const talk = new Conversation(SESSION, STARTED).login("root", "hunter2-secret");
  const shell = talk.after(1000).open();
  talk.shell(shell);
  const program = talk.open();
  talk.exec(program, "sort >&2; cat /dev/bin");
  let now = 0;
  let resized = false;
  for (const { from, at, data } of SHELL) {
    if (at > RESIZED.at && !resized) {
      resized = true;
      talk.after(RESIZED.at - now);
      now = RESIZED.at;
      const size = buildWindowSize({ columns: RESIZED.columns, rows: RESIZED.rows, width: 0, height: 0 });
      talk.packet("downstream", buildChannelRequest(shell, "window-change", false, size));
    }
    talk.after(at - now);
    now = at;
    if (from === "in") talk.sends(shell, data);
    else talk.gets(shell, data);
    // In the midst of the shell's.
    if (at === 930) {
      talk.sends(program, "b\na\n").packet("downstream", buildChannelSignal("channel-eof", program));
      talk.packet("upstream", buildChannelExtendedData(program, 1, "a\nb\n"));
      talk.gets(program, BINARY).exits(program, 3);
    }
  }
  return talk.exits(shell, 0);
}

/** Writes entries as a recording of a folder of the test's own. */
export async function recorded(t: TestContext, entries: readonly Entry[]): Promise<string> {
  let now = 0n;
  const recording = createRecording({
    folder: ownFolder(t),
    session: SESSION as never,
    startedAt: 0n,
    now: () => now,
  });
  for (const entry of entries) {
    now = entry.at;
    if (entry.type === "packet") recording.packet(entry.from, entry.channel, entry.payload);
    else if (entry.fact.kind !== "session-ended") recording.fact(entry.fact);
  }
  return (await recording.close({ kind: "session-ended", reason: "client-closed" })).path;
}

export interface Exported {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly code: number;
}

/** The command, with pipes; or with a standard output that claims to be a terminal. */
export async function exported(options: ExportOptions, isTTY = false): Promise<Exported> {
  const parts: Buffer[] = [];
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      parts.push(chunk);
      setImmediate(done);
    },
  });
  const stderr = new PassThrough();
  const code = await exportCommand(options, { stdout: Object.assign(stdout, { isTTY }), stderr }, (session) =>
    Promise.reject(new Error(`no session ${session}`)),
  );
  return { stdout: Buffer.concat(parts), stderr: (stderr.read() as Buffer | null)?.toString() ?? "", code };
}
