import type { SessionId } from "./ids.ts";

/** A recording's name in its session's folder. */
export const RECORDING_FILE = "session.mbr";

/** Where recordings are while the warden takes them over, each in its session's folder; relative to the data folder. */
export const TAKEN_FOLDER = "live/taken";

const DAY = 86_400_000;

/**
 * Whether the day (`2026-11-23`, UTC) on which a session began ended longer ago than that.
 *
 * @param age milliseconds; undefined: for ever.
 * @param now milliseconds since 1970.
 */
export function isOver(day: string, age: number | undefined, now: number): boolean {
  return age !== undefined && Date.parse(day) + DAY + age < now;
}

/** The archivist's own, where it seals recordings; relative to the data folder. */
export const SEALING_FOLDER = "sealing";

export function sealingFile(session: SessionId): string {
  return `${SEALING_FOLDER}/${session}.mbr`;
}
