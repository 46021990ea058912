import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";

/** Resolves when it has ended, or at once where it has already; never rejects. */
export async function onceEnded(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await once(child, "exit").catch(() => undefined);
}

/** The last that it said, at most 500 characters, which is why it ended. */
export function tailOf(stream: Readable): () => string {
  let tail = "";
  stream.on("data", (chunk: Buffer) => {
    tail = `${tail}${chunk.toString("latin1")}`.slice(-500);
  });
  return () => tail.trim();
}
