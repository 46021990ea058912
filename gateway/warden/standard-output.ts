import { fstatSync } from "node:fs";
import { Socket } from "node:net";
import type { Writable } from "node:stream";

let opened: Writable | undefined;

/**
 * Our standard output, for events. Where it is a pipe that nobody reads, writing waits in the background and blocks nobody. When its reader
 * is gone, what is written there is gone, too.
 */
export function standardOutput(): Writable {
  if (opened !== undefined) return opened;
  const stat = fstatSync(1);
  opened =
    stat.isFIFO() || stat.isSocket()
      ? new Socket({ fd: 1, readable: false, writable: true })
      : process.stdout;
  // Each start of the archivist pipes into it, and leaves with the one before it.
  opened.setMaxListeners(0);
  opened.on("error", () => undefined);
  return opened;
}
