import type { FileFact } from "../model/file-facts.ts";
import { LONGEST_PATH } from "../model/process-facts.ts";
import { fieldsOf, isBytes, isWhole } from "./plain-values.ts";

/** As `networkFactOf`, for a file. */
export function fileFactOf(value: unknown): FileFact | undefined {
  const { kind, how, path, sha256, size, leftOut, pid, uid, whose, time } = fieldsOf(value) ?? {};
  if (kind !== "file" || !isHow(how) || !isBytes(path, LONGEST_PATH)) return undefined;
  if (!isWhole(size, Number.MAX_SAFE_INTEGER) || !isWhole(time, Number.MAX_SAFE_INTEGER)) return undefined;
  if (sha256 !== undefined && !isSha256(sha256)) return undefined;
  if (leftOut !== undefined && !isLeftOut(leftOut)) return undefined;
  if (pid !== undefined && !isWhole(pid, MOST_ID)) return undefined;
  if (uid !== undefined && !isWhole(uid, MOST_ID)) return undefined;
  if (whose !== undefined && !isWhose(whose)) return undefined;
  return {
    kind,
    how,
    path,
    ...(sha256 === undefined ? {} : { sha256 }),
    size,
    ...(leftOut === undefined ? {} : { leftOut }),
    ...(pid === undefined ? {} : { pid }),
    ...(uid === undefined ? {} : { uid }),
    ...(whose === undefined ? {} : { whose }),
    time,
  };
}

const MOST_ID = 0xffff_ffff;
const HOWS: readonly unknown[] = ["run", "deleted", "run-and-deleted"] satisfies FileFact["how"][];
const WHOSE: readonly unknown[] = ["process", "alone", "last"] satisfies FileFact["whose"][];
const LEFT_OUTS: readonly unknown[] = [
  "too-large",
  "total-reached",
  "count-reached",
  "unreadable",
] satisfies FileFact["leftOut"][];

function isHow(value: unknown): value is FileFact["how"] {
  return HOWS.includes(value);
}

function isWhose(value: unknown): value is NonNullable<FileFact["whose"]> {
  return WHOSE.includes(value);
}

function isLeftOut(value: unknown): value is NonNullable<FileFact["leftOut"]> {
  return LEFT_OUTS.includes(value);
}

function isSha256(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}
