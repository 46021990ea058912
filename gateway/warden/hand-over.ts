import { constants } from "node:fs";
import { chmod, chown, mkdir, open, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { SessionId } from "../model/ids.ts";
import { MitsubakoError } from "../model/errors.ts";

/** A recording's folder, relative to the data folder. */
export function recordingFolder(session: SessionId, startedAt: Date): string {
  return join("recordings", startedAt.toISOString().slice(0, 10), session);
}

/**
 * Takes a finished recording out of a front's hands: into its dated folder, which the archivist may read.
 * The front that wrote it is not trusted: only a regular file with one name, opened without following links, is taken.
 *
 * @returns the folder, relative to the data folder.
 * @throws MitsubakoError `recording-failed` when there is no such file or it is not what it should be.
 */
export async function handOver(
  data: string,
  front: number,
  session: SessionId,
  startedAt: Date,
  /** Who may read it. Nobody but root may write there, so that root itself can: no link can be put in its way. */
  readers: number,
): Promise<string> {
  const folder = recordingFolder(session, startedAt);
  const to = join(data, folder, "session.mbr");
  try {
    await makeFolderFor(join(data, folder), readers);
    // Moved first: from here on the front cannot put another file in its place.
    await rename(join(data, livePath(front, session)), to);
    await takeOver(to, readers);
    return folder;
  } catch (cause) {
    throw new MitsubakoError(
      "recording-failed",
      `The recording of session ${session} could not be taken over.`,
      {
        cause,
      },
    );
  }
}

/** What is no recording goes, with its folder: a pipe would stop whoever reads it, a link would lead them elsewhere. */
async function takeOver(path: string, readers: number): Promise<void> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile() || stat.nlink !== 1) throw new Error("not a plain file with one name");
    await file.chown(0, readers);
    await file.chmod(0o640);
    // Its front could not: Node's permission model forbids it to sync.
    await file.datasync();
  } catch (error) {
    await rm(path, { recursive: true, force: true });
    await rmdir(join(path, "..")).catch(() => undefined); // something of worth lies beside it
    throw error;
  }
}

/** Where a front writes a recording while its session lives, relative to the data folder. */
export function livePath(front: number, session: SessionId): string {
  return join("live", String(front), `${session}.mbr`);
}

async function makeFolderFor(folder: string, readers: number): Promise<void> {
  const day = join(folder, "..");
  await mkdir(day, { recursive: true });
  for (const each of [day, folder]) {
    // It may be there already, and empty: a warden that died in the middle had made it.
    if (each === folder) await mkdir(each, { recursive: true });
    await chown(each, 0, readers);
    await chmod(each, 0o750);
  }
}
