/**
 * The outpost's process: unprivileged, in a network namespace of its own, started by the warden with an IPC channel. Netfilter's log
 * comes in at standard input, facts go out by the channel.
 */
import type { FromOutpost, ToOutpost } from "../model/outpost-messages.ts";
import { Outpost } from "./outpost.ts";

/** Messages that the warden has not taken yet; facts beyond are dropped and counted. */
const MOST_UNSENT = 1000;

let unsent = 0;
let dropped = 0;
const outpost = new Outpost(say);

process.on("message", ({ configuration }: ToOutpost) => {
  outpost.configure(configuration);
});

process.stdin.on("data", (chunk: Buffer) => {
  if (!outpost.logged(chunk)) leave("netfilter's log cannot be read any more");
});
process.stdin.on("end", () => {
  leave("netfilter's log has ended");
});
process.stdin.on("error", () => {
  leave("netfilter's log has failed");
});

// The warden is gone; without it nobody hears us.
process.on("disconnect", () => process.exit());
// A terminal's ^C and a service manager's SIGTERM reach the whole group; the warden says when it is over.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);

// A defect of ours: said, and begun anew with nothing in memory that it may have spoiled.
process.on("uncaughtException", (error) => {
  leave(error.stack ?? error.message);
});

function say(message: FromOutpost): void {
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
    say({ kind: "problem", message: `${lost} facts were dropped: more came than the warden took` });
  });
}

/** The warden starts log and outpost anew, together. */
function leave(why: string): void {
  process.exitCode = 1;
  if (!process.connected) process.exit();
  process.send?.({ kind: "problem", message: why } satisfies FromOutpost, () => process.exit());
}
