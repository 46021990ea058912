import { asText, escapeText } from "../../model/bytes.ts";
import { showMicros } from "../../model/timestamps.ts";
import type { Story } from "./story.ts";
import { drawable } from "./terminal-size.ts";

/** Names as an operator of script(1) would give them. */
export const TYPESCRIPT_FILES = { output: "typescript", input: "input", timing: "timing" } as const;

/**
 * One channel as `script --log-out typescript --log-in input --log-timing timing` leaves it: the bytes as they were, and a
 * line for each piece that says when and how many.
 */
export async function* typescript(
  story: Story,
): AsyncGenerator<readonly [file: string, piece: string | Buffer]> {
  const { output, input, timing } = TYPESCRIPT_FILES;
  let start: number | undefined;
  let last = 0;
  let exit: number | undefined;
  const step = (now: number) => {
    const seconds = ((now - last) / 1e6).toFixed(6);
    last = now;
    return seconds;
  };
  for await (const event of story.events) {
    const micros = story.micros(event.at);
    if (start === undefined) {
      start = last = micros;
      // scriptreplay passes over the first line of both.
      const first = `Script started on ${clock(start)}\n`;
      yield [output, first];
      yield [input, first];
      yield [timing, headers(story, start)];
    }
    const now = Math.max(last, micros);
    switch (event.kind) {
      case "output":
      case "error-output":
        if (event.data.length === 0) break;
        yield [output, event.data];
        yield [timing, `O ${step(now)} ${event.data.length}\n`];
        break;
      case "input":
        if (event.data.length === 0) break;
        yield [input, event.data];
        yield [timing, `I ${step(now)} ${event.data.length}\n`];
        break;
      case "resized": {
        const { columns, rows } = drawable(event.size);
        yield [timing, `S ${step(now)} SIGWINCH ROWS=${rows} COLS=${columns}\n`];
        break;
      }
      case "exited":
        exit ??= event.status;
        break;
      default:
    }
  }
  if (start === undefined) return;
  yield [timing, header("DURATION", ((last - start) / 1e6).toFixed(6))];
  if (exit !== undefined) yield [timing, header("EXIT_CODE", String(exit))];
}

function headers({ survey }: Story, start: number): string {
  const { started, terminal } = survey;
  const { columns, rows } = drawable(terminal?.size);
  return [
    header("START_TIME", clock(start)),
    ...(terminal === undefined ? [] : [header("TERM", oneLine(terminal.term))]),
    header("COLUMNS", String(columns)),
    header("LINES", String(rows)),
    ...(started === undefined || started.how === "shell" ? [] : [header("COMMAND", oneLine(started.what))]),
    header("TIMING_LOG", TYPESCRIPT_FILES.timing),
    header("OUTPUT_LOG", TYPESCRIPT_FILES.output),
    header("INPUT_LOG", TYPESCRIPT_FILES.input),
  ].join("");
}

function header(name: string, value: string): string {
  return `H 0.000000 ${name} ${value}\n`;
}

/** A stranger's line feed would begin a line of its own in the timing file. */
function oneLine(text: Parameters<typeof asText>[0]): string {
  return escapeText(asText(text));
}

function clock(micros: number): string {
  return `${showMicros(micros).slice(0, 19).replace("T", " ")}+00:00`;
}
