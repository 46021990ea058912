import { createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds between two tries. */
const PAUSE = 500;

/**
 * Waits until no other process builds this persona's image. An abstract socket is a lock that the kernel gives back however
 * its holder dies.
 *
 * @param onWait told once, when it has to wait.
 * @throws the signal's reason.
 */
export async function buildTurn(
  persona: string,
  signal: AbortSignal | undefined,
  onWait: () => void,
): Promise<AsyncDisposable> {
  for (let waited = false; ; waited = true) {
    const server = await listen(`\0mitsubako-image-${persona}`);
    if (server)
      return {
        [Symbol.asyncDispose]: () =>
          new Promise((resolve) => {
            server.close(() => {
              resolve();
            });
          }),
      };
    if (!waited) onWait();
    await sleep(PAUSE, undefined, signal ? { signal } : {});
  }
}

function listen(name: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(name, () => {
      resolve(server);
    });
  });
}
