import { fstatSync } from "node:fs";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { eventLine, type WrittenEvent } from "./cowrie-event.ts";
import type { EventSink } from "./sink.ts";

/** Bytes that may wait for a slow reader of standard output. */
const MOST_WAITING = 8 * 1024 * 1024;

/** Prints events to standard output. A reader that does not keep up, or is gone, loses events; nobody waits for it. */
export class StdoutSink implements EventSink {
  readonly #stream: Writable;
  readonly #problem: (message: string) => void;
  #dropped = 0;
  #broken = false;

  constructor(problem: (message: string) => void, stream: Writable = standardOutput()) {
    this.#problem = problem;
    this.#stream = stream;
    stream.on("error", (error) => {
      if (!this.#broken) problem(`Events are no longer printed to standard output: ${error.message}`);
      this.#broken = true;
    });
  }

  write(events: readonly WrittenEvent[]): void {
    if (this.#broken || events.length === 0) return;
    if (this.#stream.writableLength > MOST_WAITING) {
      if (this.#dropped === 0)
        this.#problem("Standard output is not read; events are not printed there for now.");
      this.#dropped += events.length;
      return;
    }
    if (this.#dropped > 0) this.#problem(`Events are printed again; ${this.#dropped} were not.`);
    this.#dropped = 0;
    this.#stream.write(events.map(eventLine).join(""));
  }

  close(): void {
    // Standard output is the process's, and ends with it.
  }
}

/** Node writes to a pipe on standard output synchronously, so that a stopped reader would stop us; a socket over the same descriptor does not. */
function standardOutput(): Writable {
  const stat = fstatSync(1);
  return stat.isFIFO() || stat.isSocket()
    ? new Socket({ fd: 1, readable: false, writable: true })
    : process.stdout;
}
