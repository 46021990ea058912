import type { Writable } from "node:stream";

export interface Stopping extends Disposable {
  readonly signal: AbortSignal;
  stopped(): boolean;
  /** Exit code that belongs to why it was stopped; 0 if it was not. */
  readonly code: number;
  now(code: number): void;
}

/** What ends a playing before its end: a key, a signal to the process, or that nobody reads what it writes (`play | head`). */
export function stopping(stdout: Writable): Stopping {
  const controller = new AbortController();
  let code = 0;
  const now = (why: number) => {
    if (!controller.signal.aborted) code = why;
    controller.abort();
  };
  const handlers = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  const installed = Object.entries(handlers).map(([name, exit]) => {
    const handler = () => {
      now(exit);
    };
    process.once(name, handler);
    return { name, handler };
  });
  // Stays when the playing is over: what was written last may fail after that.
  stdout.on("error", () => {
    now(0);
  });
  return {
    signal: controller.signal,
    stopped: () => controller.signal.aborted,
    get code() {
      return code;
    },
    now,
    [Symbol.dispose]() {
      for (const { name, handler } of installed) process.off(name, handler);
    },
  };
}
