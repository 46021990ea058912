import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Capture, Change } from "../model/capture.ts";
import { isSandboxId } from "../model/ids.ts";
import { CAPTURE_FILE } from "./find-recording.ts";

/**
 * The capture beside a recording, or undefined where there is none. It was written by the warden, about names that strangers chose.
 * Throws SyntaxError when it is not what a capture is.
 */
export async function readCapture(dataFolder: string, folder: string): Promise<Capture | undefined> {
  let text: string;
  try {
    text = await readFile(join(dataFolder, folder, CAPTURE_FILE), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const value: unknown = JSON.parse(text);
  if (!isCapture(value)) throw new SyntaxError(`${CAPTURE_FILE} does not hold a capture`);
  return value;
}

function isCapture(value: unknown): value is Capture {
  if (typeof value !== "object" || value === null) return false;
  const { sandbox, sessions, source, takenAt, changes } = value as Record<string, unknown>;
  return (
    isSandboxId(sandbox) &&
    Array.isArray(sessions) &&
    typeof source === "string" &&
    typeof takenAt === "string" &&
    Array.isArray(changes) &&
    changes.every(isChange)
  );
}

function isChange(value: unknown): value is Change {
  if (typeof value !== "object" || value === null) return false;
  const { kind, path, type, sha256 } = value as Record<string, unknown>;
  return (
    (kind === "A" || kind === "C" || kind === "D") &&
    typeof path === "string" &&
    typeof type === "string" &&
    (sha256 === undefined || (typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256)))
  );
}
