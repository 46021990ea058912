import { closeSync, constants, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { CURSOR_FILE, type Cursor } from "../model/spool.ts";

/** Keeps how far the receiver has come, in one step: after a crash it is the old place or the new one. */
export function saveCursor(folder: string, cursor: Cursor): void {
  const path = join(folder, CURSOR_FILE);
  // The permission model takes no fdatasync.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_DSYNC;
  const fd = openSync(`${path}.new`, flags, 0o640);
  try {
    writeSync(fd, JSON.stringify(cursor));
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
}
