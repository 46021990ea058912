import { constants } from "node:os";
import { asText } from "../../model/bytes.ts";
import { jsonText } from "../../model/json.ts";
import type { ChannelSurvey } from "../survey.ts";
import type { Story } from "./story.ts";
import { drawable } from "./terminal-size.ts";
import { TerminalText } from "./terminal-text.ts";

export interface AsciicastOptions {
  readonly version: 2 | 3;
  /** What was typed too. */
  readonly input: boolean;
}

type Code = "o" | "i" | "r" | "m" | "x";

/** One channel as asciinema writes it: a header line, then one line for each event. */
export async function* asciicast(story: Story, { version, input }: AsciicastOptions): AsyncGenerator<string> {
  const { survey } = story;
  const bare = survey.terminal === undefined;
  const texts = {
    output: new TerminalText(bare),
    "error-output": new TerminalText(bare),
    input: new TerminalText(false),
  };
  const lines = new Lines(version);
  let start: number | undefined;
  let now = 0;
  let exit: string | undefined;
  for await (const event of story.events) {
    const micros = story.micros(event.at);
    if (start === undefined) {
      start = micros;
      yield header(story, version, start);
    }
    // The recording's clock only goes forward; a forged recording's need not.
    now = Math.max(now, micros - start);
    switch (event.kind) {
      case "output":
      case "error-output":
        yield lines.event(now, "o", texts[event.kind].push(event.data));
        break;
      case "input":
        if (input) yield lines.event(now, "i", texts.input.push(event.data));
        break;
      case "resized": {
        const { columns, rows } = drawable(event.size);
        yield lines.event(now, "r", `${columns}x${rows}`);
        break;
      }
      case "command":
        yield lines.event(now, "m", asText(event.text).slice(0, LONGEST_LABEL));
        break;
      case "exited":
        exit ??= String(event.status);
        break;
      case "killed":
        exit ??= String(128 + (SIGNALS[`SIG${event.signal}`] ?? 0));
        break;
      default:
    }
  }
  yield lines.event(now, "o", texts.output.end() + texts["error-output"].end());
  if (input) yield lines.event(now, "i", texts.input.end());
  // Only version 3 knows how a program ended.
  if (version === 3 && exit !== undefined) yield lines.event(now, "x", exit);
}

/** A marker's label is for a list. */
const LONGEST_LABEL = 200;
const SIGNALS: Readonly<Record<string, number | undefined>> = constants.signals;

function header({ survey, session }: Story, version: 2 | 3, micros: number): string {
  const { columns, rows } = drawable(survey.terminal?.size);
  const term = survey.terminal === undefined ? undefined : asText(survey.terminal.term);
  const about = {
    timestamp: Math.floor(micros / 1e6),
    title: `${session}, channel ${survey.channel}`,
    ...commandOf(survey),
    env: term === undefined ? {} : { TERM: term },
  };
  const head =
    version === 2
      ? { version, width: columns, height: rows, ...about }
      : {
          version,
          term: { cols: columns, rows, ...(term === undefined ? {} : { type: term }) },
          ...about,
        };
  return `${jsonText(head)}\n`;
}

function commandOf({ started }: ChannelSurvey): { command?: string } {
  return started === undefined || started.how === "shell" ? {} : { command: asText(started.what) };
}

/** Event lines. Version 2 has times since the start, version 3 since the event before. */
class Lines {
  readonly #version: 2 | 3;
  #last = 0;

  constructor(version: 2 | 3) {
    this.#version = version;
  }

  /** @param micros since the start. Nothing for text that holds nothing yet. */
  event(micros: number, code: Code, data: string): string {
    if (data === "") return "";
    const time = this.#version === 2 ? micros : micros - this.#last;
    this.#last = micros;
    return `[${(time / 1e6).toFixed(6)}, "${code}", ${jsonText(data)}]\n`;
  }
}
