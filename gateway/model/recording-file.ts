import type { SessionId } from "./ids.ts";

/** A recording's name in its session's folder. */
export const RECORDING_FILE = "session.mbr";

/** Where recordings are while the warden takes them over, each in its session's folder; relative to the data folder. */
export const TAKEN_FOLDER = "live/taken";

/** The archivist's own, where it seals recordings; relative to the data folder. */
export const SEALING_FOLDER = "sealing";

export function sealingFile(session: SessionId): string {
  return `${SEALING_FOLDER}/${session}.mbr`;
}
