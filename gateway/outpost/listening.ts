import type { EventEmitter } from "node:events";

/** Resolves when the socket listens, rejects when it cannot. */
export function listening(socket: EventEmitter, listen: (done: () => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    listen(() => {
      socket.off("error", reject);
      resolve();
    });
  });
}
