import type { FileHandle } from "node:fs/promises";
import { isSandboxId, type SandboxId } from "../model/ids.ts";
import { LATE_KINDS, LONGEST_LATE_FACT, MOST_LATE_BYTES, MOST_LATE_FACTS } from "../model/late-files.ts";
import type { SandboxFact } from "../model/sandbox-facts.ts";
import { parseMicros } from "../model/timestamps.ts";
import { openPlain } from "../recording/open-plain.ts";
import { sandboxFactOf } from "./sandbox-fact.ts";
import { isMissing } from "../model/missing.ts";

/** What a sandbox did after the session had ended. */
export interface LateFactRead {
  /** Microseconds since 1970. */
  readonly at: number;
  readonly sandbox: SandboxId;
  readonly fact: SandboxFact;
}

export interface LateFactsRead {
  readonly facts: readonly LateFactRead[];
  /** Lines that hold none, a last one that was not finished, and what is over the bounds. They are passed over. */
  readonly unreadable: number;
}

/** How many tries on the network they stand for. */
export function triesOf({ facts }: LateFactsRead): number {
  return facts.reduce((sum, { fact }) => sum + (fact.kind === "network" ? fact.count : 0), 0);
}

/** In bounded memory whatever the file holds; undefined where there is none. */
export async function readLateFacts(path: string): Promise<LateFactsRead | undefined> {
  let handle: FileHandle;
  try {
    handle = await openPlain(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  await using file = handle;
  const bytes = await firstBytes(file);
  const facts: LateFactRead[] = [];
  let unreadable = 0;
  let start = 0;
  for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, start)) {
    const fact =
      facts.length < LATE_KINDS * MOST_LATE_FACTS ? lateFactOf(bytes.subarray(start, end)) : undefined;
    if (fact === undefined) unreadable++;
    else facts.push(fact);
    start = end + 1;
  }
  return { facts, unreadable: start < bytes.length ? unreadable + 1 : unreadable };
}

/** Up to one byte over the bound, which then belongs to a line that is not whole. */
async function firstBytes(file: FileHandle): Promise<Buffer> {
  const { size } = await file.stat();
  const bytes = Buffer.alloc(Math.min(size, LATE_KINDS * MOST_LATE_BYTES + 1));
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

function lateFactOf(line: Buffer): LateFactRead | undefined {
  if (line.length > LONGEST_LATE_FACT) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line.toString("utf8"));
  } catch {
    return undefined; // counted by who asked
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { at, sandbox, fact } = value as Record<string, unknown>;
  const micros = typeof at === "string" ? parseMicros(at) : NaN;
  const checked = sandboxFactOf(fact);
  if (Number.isNaN(micros) || !isSandboxId(sandbox) || checked === undefined) return undefined;
  return { at: micros, sandbox, fact: checked };
}
