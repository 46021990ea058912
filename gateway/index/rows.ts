import type { ByteString } from "../model/bytes.ts";
import type { Change } from "../model/capture.ts";
import type { Summary } from "../evidence/summary.ts";
import { microsAt } from "../model/timestamps.ts";

export type SessionState = "live" | "ended" | "cut" | "damaged";

/** A session as lists show it. Strangers' strings are ByteStrings. */
export interface SessionRow {
  readonly id: string;
  readonly state: SessionState;
  /** Relative to the data folder. */
  readonly recording: string;
  /** Microseconds since 1970. */
  readonly started: number;
  /** Microseconds. */
  readonly duration: number;
  readonly sourceAddress: string;
  readonly sourcePort: number;
  readonly listenerAddress: string;
  readonly listenerPort: number;
  readonly sensor: string;
  readonly persona: string;
  readonly clientVersion: ByteString | undefined;
  readonly hassh: string | undefined;
  readonly user: ByteString | undefined;
  readonly password: ByteString | undefined;
  readonly passwordDropped: true | undefined;
  readonly method: string | undefined;
  /** Of the policy's profile that held for it; undefined where none did. */
  readonly profile: string | undefined;
  readonly loggedIn: boolean;
  readonly endReason: string | undefined;
  readonly sandbox: string | undefined;
  readonly sandboxState: string | undefined;
  readonly attempts: number;
  readonly channels: number;
  readonly commands: number;
  readonly transfers: number;
  readonly forwards: number;
  /** What its sandbox tried on its network, as far as that is known by now. */
  readonly network: number;
  readonly received: number;
  readonly sent: number;
  /** Files (no folders) that changed while it was in its sandbox; 0 before that was captured. */
  readonly files: number;
}

/** One change of a capture, with where it comes from. */
export interface FileRow extends Change {
  /** Names it for ever: the capture's id, a dot, and its place in the capture. */
  readonly id: string;
  readonly session: string;
  readonly sandbox: string;
  readonly source: string;
  /** Microseconds since 1970. */
  readonly takenAt: number;
}

/** Undefined when the recording does not even say when and from where. */
export function rowOf(
  recording: string,
  state: SessionState,
  summary: Summary,
  files = 0,
): SessionRow | undefined {
  const { opened, sandbox, duration, ...rest } = summary;
  if (opened === undefined) return undefined;
  return {
    ...rest,
    id: opened.session,
    state,
    recording,
    started: microsAt(opened.startedAt, 0n) || 0,
    duration: Number(duration / 1000n),
    sourceAddress: opened.source.address,
    sourcePort: opened.source.port,
    listenerAddress: opened.listener.address,
    listenerPort: opened.listener.port,
    sensor: opened.sensor,
    persona: opened.persona,
    sandbox: sandbox?.sandbox,
    sandboxState: sandbox?.state,
    files,
  };
}

/** The changes that are not among those known, each once in its sandbox. */
export function newAmong<T extends Change & { readonly sandbox?: string }>(
  changes: readonly T[],
  known: readonly Change[],
): T[] {
  const seen = new Set(known.map((change) => sameness(change)));
  // Per sandbox: the same file in two of them is two findings.
  const told = new Set<string>();
  return changes.filter((change) => {
    const same = sameness(change);
    const here = `${change.sandbox ?? ""}\0${same}`;
    if (seen.has(same) || told.has(here)) return false;
    told.add(here);
    return true;
  });
}

/** Equal for two changes that tell the same of the same path. A folder's own entry tells nothing by its time. */
export function sameness(change: Change): string {
  const { kind, path, type, mode, uid, gid, size, linkTarget, sha256 } = change;
  const content = sha256 ?? (type === "file" ? `${size ?? ""} ${change.modifiedAt ?? ""}` : "");
  return [kind, path, type, mode, uid, gid, linkTarget, content].join("\0");
}
