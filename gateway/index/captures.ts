import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Capture, Change, Traffic } from "../model/capture.ts";
import { isSandboxId, type SessionId } from "../model/ids.ts";
import { captureFile, captureOrdinal } from "../model/late-files.ts";
import { isMissing } from "../model/missing.ts";

/** A capture's name in the index, and before the dot in a file's: that of the session beside whose recording it lies. */
export function captureId(session: SessionId, ordinal: number): string {
  return ordinal === 1 ? session : `${session}-${ordinal}`;
}

/** What `captureId` was made of. */
export function parseCaptureId(id: string): { readonly session: SessionId; readonly ordinal: number } {
  const [session = "", ordinal = "1"] = id.split("-");
  return { session: session as SessionId, ordinal: Number(ordinal) };
}

/** Ordinals of the captures beside a recording, in the order in which they were taken. */
export function captureOrdinals(dataFolder: string, folder: string): number[] {
  return readdirSync(join(dataFolder, folder))
    .flatMap((name) => captureOrdinal(name) ?? [])
    .sort((one, other) => one - other);
}

/** The captures beside a recording, in their order; as `readCapture`. */
export async function* readCaptures(
  dataFolder: string,
  folder: string,
): AsyncGenerator<{ readonly ordinal: number; readonly capture: Capture }, void, undefined> {
  for (const ordinal of captureOrdinals(dataFolder, folder)) {
    const capture = await readCapture(dataFolder, folder, ordinal);
    if (capture !== undefined) yield { ordinal, capture };
  }
}

/** The last one, which tells everything that differs from the image. */
export async function readLastCapture(dataFolder: string, folder: string): Promise<Capture | undefined> {
  return await readCapture(dataFolder, folder, captureOrdinals(dataFolder, folder).at(-1));
}

/**
 * A capture beside a recording, or undefined where there is none. It was written by the warden, about names that strangers chose.
 * Throws SyntaxError when it is not what a capture is.
 */
export async function readCapture(
  dataFolder: string,
  folder: string,
  ordinal = 1,
): Promise<Capture | undefined> {
  const name = captureFile(ordinal);
  let text: string;
  try {
    text = await readFile(join(dataFolder, folder, name), "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const value: unknown = JSON.parse(text);
  if (!isCapture(value)) throw new SyntaxError(`${name} does not hold a capture`);
  return value;
}

function isCapture(value: unknown): value is Capture {
  if (typeof value !== "object" || value === null) return false;
  const { sandbox, sessions, source, takenAt, changes, traffic } = value as Record<string, unknown>;
  return (
    isSandboxId(sandbox) &&
    Array.isArray(sessions) &&
    typeof source === "string" &&
    typeof takenAt === "string" &&
    (traffic === undefined || isTraffic(traffic)) &&
    Array.isArray(changes) &&
    changes.every(isChange)
  );
}

function isTraffic(value: unknown): value is Traffic {
  if (typeof value !== "object" || value === null) return false;
  const { up, down, spent, hourly } = value as Record<string, unknown>;
  return (
    [up, down].every((bytes) => Number.isSafeInteger(bytes) && Number(bytes) >= 0) &&
    [spent, hourly].every((flag) => flag === undefined || flag === true)
  );
}

function isChange(value: unknown): value is Change {
  if (typeof value !== "object" || value === null) return false;
  const { kind, path, type, sha256, skeleton, grown } = value as Record<string, unknown>;
  return (
    [skeleton, grown].every((flag) => flag === undefined || flag === true) &&
    (kind === "A" || kind === "C" || kind === "D") &&
    typeof path === "string" &&
    typeof type === "string" &&
    (sha256 === undefined || (typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256)))
  );
}
