/**
 * The archivist's process: unprivileged, of low priority, started by the warden with an IPC channel. It reads what strangers
 * sent, so nothing that it does is done as root.
 */
import { setPriority } from "node:os";
import type { FromArchivist, ToArchivist } from "../model/archivist-messages.ts";
import { Archivist } from "./archivist.ts";

/** What is told before the start is done waits for it. */
let archivist: Promise<Archivist> | undefined;

process.on("message", (message: ToArchivist) => {
  if (message.kind === "start") {
    archivist ??= Archivist.start(message, say);
    archivist.then(
      () => {
        say({ kind: "ready" });
      },
      (error: unknown) => {
        process.exitCode = 2;
        say({ kind: "problem", message: `The archivist cannot start: ${describe(error)}` }, leave);
      },
    );
    return;
  }
  void archivist?.then(
    (running) => {
      running.take(message);
    },
    () => undefined, // its failure to start was told above
  );
});

// The warden is gone, and with it whoever tells what happens; the next start catches up.
process.on("disconnect", () => process.exit());
// A terminal's ^C and a service manager's SIGTERM reach the whole group; the warden says when to drain.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);

try {
  setPriority(10);
} catch {
  say({ kind: "problem", message: "The archivist could not lower its priority." });
}

function say(message: FromArchivist, then = message.kind === "drained" ? leave : () => undefined): void {
  if (process.connected) process.send?.(message, then);
}

/** Without the channel nothing keeps this process. */
function leave(): void {
  if (process.connected) process.disconnect?.();
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
