import { fdatasync } from "node:fs";

/**
 * Most `fdatasync` calls at once in this process. Each holds a thread of libuv's pool (4) for as long as the disk takes;
 * a thousand busy recordings must leave threads for everything else, and are synced less often instead.
 */
const MOST_AT_ONCE = 2;

const waiting: (() => void)[] = [];
let running = 0;

/** Brings a file's data to the disk, in turn. Rejects as fdatasync(2) fails. */
export async function syncInTurn(fd: number): Promise<void> {
  if (running >= MOST_AT_ONCE) await new Promise<void>((turn) => waiting.push(turn));
  running += 1;
  try {
    await new Promise<void>((resolve, reject) => {
      fdatasync(fd, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}
