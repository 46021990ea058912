import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { MitsubakoError } from "../model/errors.ts";

/**
 * Opens a recording to read. A front that was taken over can put anything where its recording should lie: a link would
 * lead elsewhere, and a pipe would keep whoever opens it waiting for ever.
 *
 * @throws MitsubakoError `recording-damaged` when it is no plain file; what open(2) gives.
 */
export async function openPlain(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (cause: unknown) => {
      throw (cause as NodeJS.ErrnoException).code === "ELOOP" ? notPlain(path) : cause;
    },
  );
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw notPlain(path);
}

function notPlain(path: string): MitsubakoError {
  return new MitsubakoError("recording-damaged", `${path} is no recording: it is not a plain file.`);
}
