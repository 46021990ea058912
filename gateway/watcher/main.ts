/**
 * The watcher's process: unprivileged, started by the warden with an IPC channel. The kernel's records come in at standard input, facts
 * go out by the channel.
 */
import type { FromWatcher, ToWatcher } from "../model/watcher-messages.ts";
import { Watcher } from "./watcher.ts";

/** Messages that the warden has not taken yet; facts beyond are dropped and counted. */
const MOST_UNSENT = 200;
/** Milliseconds. */
const LOOK = 500;

let unsent = 0;
let dropped = 0;
const watcher = new Watcher(say);

process.on("message", (message: ToWatcher) => {
  watcher.hear(message);
});

process.stdin.on("data", (chunk: Buffer) => {
  if (!watcher.take(chunk)) leave("what the kernel's programs told cannot be read any more");
});
process.stdin.on("end", () => {
  leave("what the kernel's programs told has ended");
});
process.stdin.on("error", () => {
  leave("what the kernel's programs told has failed");
});
setInterval(() => {
  watcher.tell();
}, LOOK).unref();

// The warden is gone; without it nobody hears us.
process.on("disconnect", () => process.exit());
// A terminal's ^C and a service manager's SIGTERM reach the whole group; the warden says when it is over.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);

// A defect of ours: said, and begun anew with nothing in memory that it may have spoiled.
process.on("uncaughtException", (error) => {
  leave(error.stack ?? error.message);
});

function say(message: FromWatcher): void {
  if (!process.connected) return;
  if (unsent >= MOST_UNSENT) {
    dropped++;
    return;
  }
  unsent++;
  process.send?.(message, () => {
    unsent--;
    if (unsent > 0 || dropped === 0) return;
    const lost = dropped;
    dropped = 0;
    say({ kind: "problem", message: `${lost} messages were dropped: more came than the warden took` });
  });
}

/** The warden starts programs and watcher anew, together. */
function leave(why: string): void {
  process.exitCode = 1;
  if (!process.connected) process.exit();
  process.send?.({ kind: "problem", message: why } satisfies FromWatcher, () => process.exit());
}
