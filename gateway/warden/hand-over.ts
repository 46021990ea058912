import { constants } from "node:fs";
import { chmod, chown, lstat, mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { isSessionId, type SessionId } from "../model/ids.ts";
import { MitsubakoError } from "../model/errors.ts";
import { RECORDING_FILE, TAKEN_FOLDER } from "../model/recording-file.ts";
import { isMissing } from "../model/missing.ts";

/** A recording's folder, relative to the data folder. */
export function recordingFolder(session: SessionId, startedAt: Date): string {
  return join("recordings", startedAt.toISOString().slice(0, 10), session);
}

/**
 * Takes a finished recording out of a front's hands: into its dated folder, which the archivist may read.
 * The front that wrote it is not trusted: only a regular file with one name, opened without following links, is taken.
 * It comes there in one step, with its folder: whoever kills us leaves it where it was, or in `TAKEN_FOLDER` for `handOverTaken`.
 *
 * @returns the folder, relative to the data folder; undefined when there is no recording: its front was killed before it had begun one.
 * @throws MitsubakoError `recording-failed` when it is not what it should be, or cannot be moved.
 */
export function handOver(
  data: string,
  front: number,
  session: SessionId,
  startedAt: Date,
  /** Who may read it. Nobody but root may write there, so that root itself can: no link can be put in its way. */
  readers: number,
): Promise<string | undefined> {
  return failingAsRecording(session, async () => {
    const taken = join(data, TAKEN_FOLDER, session);
    await mkdir(taken, { recursive: true, mode: 0o700 });
    try {
      // Moved first: from here on the front cannot put another file in its place.
      await rename(join(data, livePath(front, session)), join(taken, RECORDING_FILE));
    } catch (error) {
      await rmdir(taken);
      if (isMissing(error)) return undefined;
      throw error;
    }
    return await toItsDay(data, session, startedAt, readers);
  });
}

/** The sessions whose taking over an earlier life has not ended. */
export async function leftInTaken(data: string): Promise<SessionId[]> {
  const names = await readdir(join(data, TAKEN_FOLDER)).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names.flatMap((name) => (isSessionId(name) ? [name] : []));
}

/** Ends what an earlier life has begun with `handOver`; undefined: it had not taken the recording yet. Throws as that does. */
export function handOverTaken(
  data: string,
  session: SessionId,
  readers: number,
): Promise<string | undefined> {
  return failingAsRecording(session, async () => {
    const taken = join(data, TAKEN_FOLDER, session);
    const found = await lstat(join(taken, RECORDING_FILE)).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    if (found) return await toItsDay(data, session, found.birthtime, readers);
    await rmdir(taken);
    return undefined;
  });
}

async function toItsDay(data: string, session: SessionId, startedAt: Date, readers: number): Promise<string> {
  const taken = join(data, TAKEN_FOLDER, session);
  await takeOver(join(taken, RECORDING_FILE), readers);
  const folder = recordingFolder(session, startedAt);
  const day = join(data, folder, "..");
  await mkdir(day, { recursive: true });
  for (const each of [day, taken]) {
    await chown(each, 0, readers);
    await chmod(each, 0o750);
  }
  await rename(taken, join(data, folder));
  return folder;
}

/** What is no recording goes, with its folder: a pipe would stop whoever reads it, a link would lead them elsewhere. */
async function takeOver(path: string, readers: number): Promise<void> {
  const stat = await lstat(path);
  if (!stat.isFile() || stat.nlink !== 1) {
    await rm(join(path, ".."), { recursive: true });
    throw new Error("not a plain file with one name");
  }
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  await file.chown(0, readers);
  await file.chmod(0o640);
  // Its front could not: Node's permission model forbids it to sync.
  await file.datasync();
}

async function failingAsRecording<T>(session: SessionId, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new MitsubakoError(
      "recording-failed",
      `The recording of session ${session} could not be taken over.`,
      { cause },
    );
  }
}

/** Where a front writes a recording while its session lives, relative to the data folder. */
export function livePath(front: number, session: SessionId): string {
  return join("live", String(front), `${session}.mbr`);
}
