import { fromByteString } from "../../model/bytes.ts";
import type { Story } from "./story.ts";

/**
 * One channel in the log that Cowrie and Kippo write, to the byte and in both directions. Each record is a head of six little-endian
 * 32-bit integers (operation, terminal, length, direction, seconds, microseconds) and its data.
 */
export async function* ttylog(story: Story): AsyncGenerator<Buffer> {
  let micros: number | undefined;
  for await (const event of story.events) {
    if (micros === undefined) yield head(OPEN, 0, NONE, story.micros(event.at));
    micros = story.micros(event.at);
    switch (event.kind) {
      case "exec":
        yield* written(INTERACT, fromByteString(event.command), micros);
        break;
      case "input":
        yield* written(INPUT, event.data, micros);
        break;
      case "output":
      case "error-output":
        yield* written(OUTPUT, event.data, micros);
        break;
      default:
    }
  }
  if (micros !== undefined) yield head(CLOSE, 0, NONE, micros);
}

function* written(direction: number, data: Buffer, micros: number): Generator<Buffer> {
  yield head(WRITE, data.length, direction, micros);
  yield data;
}

function head(operation: number, length: number, direction: number, micros: number): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeInt32LE(operation, 0);
  bytes.writeUInt32LE(length, 8);
  bytes.writeInt32LE(direction, 12);
  // To the year 2106; a forged time beyond it stays at the end.
  bytes.writeUInt32LE(Math.min(Math.floor(micros / 1e6), 0xffffffff), 16);
  bytes.writeUInt32LE(micros % 1e6, 20);
  return bytes;
}

const OPEN = 1;
const CLOSE = 2;
const WRITE = 3;

const NONE = 0;
const INPUT = 1;
const OUTPUT = 2;
/** The command line of an exec request. */
const INTERACT = 3;
