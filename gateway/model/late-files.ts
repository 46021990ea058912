import type { SandboxId, SessionId } from "./ids.ts";
import type { SandboxFact } from "./sandbox-facts.ts";

/**
 * What comes to lie beside a recording after its session's end. Like the recording it is truth, and what is told of it is told in
 * one order, live and in a rebuild: the captures by their ordinals, then what was tried on the network. The order holds
 * because the warden puts the last of these there only when no sandbox is left that the session was in, so no capture comes after.
 */
export function captureFile(ordinal: number): string {
  return ordinal === 1 ? "capture.json" : `capture-${ordinal}.json`;
}

/** The ordinal, from 1, if this is the name of a capture. */
export function captureOrdinal(name: string): number | undefined {
  const match = /^capture(?:-([2-9]|[1-9]\d))?\.json$/.exec(name);
  return match === null ? undefined : Number(match[1] ?? 1);
}

/** A session has one capture, or one more for each time that it changed its sandbox; more than this is no session of ours. */
export const MOST_CAPTURES = 99;

/**
 * What a session's sandbox did when nobody was in it any more, one LateFact in JSON a line. Its name is older than the facts
 * of processes and files in it.
 */
export const NETWORK_FILE = "network.jsonl";

/** Where that grows while the sandbox lives, relative to the data folder. */
export const OPEN_NETWORK_FOLDER = "live/network";

/** @param day on which the session began, as its recording's folder has it. */
export function openNetworkFile(day: string, session: SessionId): string {
  return `${OPEN_NETWORK_FOLDER}/${day}.${session}.jsonl`;
}

export interface LateFact {
  /** Wall clock, as in recordings. */
  readonly at: string;
  readonly sandbox: SandboxId;
  readonly fact: SandboxFact;
}

/** Of one session and one kind, so that a flood of one leaves room for the others. What is more is counted in the log. */
export const MOST_LATE_FACTS = 2000;
export const MOST_LATE_BYTES = 4 * 1024 * 1024;
/** The kinds of facts that there are. */
export const LATE_KINDS = 3;
/** Of one line: every byte of a path and of arguments as an escape of six characters, and the rest. */
export const LONGEST_LATE_FACT = 80 * 1024;
