import type { ByteString } from "./bytes.ts";

/**
 * What the processes of a sandbox did, as the kernel told it, not the sandbox: programs that were run, also by scripts and binaries that an
 * attacker brought, and connections that they asked for. Process ids and user ids are those that are seen inside.
 */
export type ProcessFact = ProgramRun | ProcessEnded | ConnectAsked | NotTold;

interface Done {
  readonly kind: "process";
  /** When it happened: microseconds since 1970. Facts come late, so the time of their entry is another. */
  readonly time: number;
}

interface DoneBy extends Done {
  readonly pid: number;
  /** Effective. */
  readonly uid: number;
  /** By the SSH server itself, not by what it started for its client: the login's own doing, or a forward's. */
  readonly server?: true;
}

/** An execve or execveat. */
export interface ProgramRun extends DoneBy {
  readonly did: "run";
  /** The process that started this one; 0 where it is not known. */
  readonly parent: number;
  /** As it was asked for; of a descriptor `/dev/fd/N`. */
  readonly path: ByteString;
  /** At most MOST_ARGUMENTS and MOST_ARGUMENT_BYTES. */
  readonly argv: readonly ByteString[];
  /** Bytes of arguments that were left out. */
  readonly argvLeftOut?: number;
  /** Why it was not run; absent: it was. */
  readonly errno?: number;
  /** Told with it where it was over soon. */
  readonly ended?: Ended;
}

/** The end of a program that was told as run before, without its end. */
export interface ProcessEnded extends DoneBy {
  readonly did: "end";
  readonly ended: Ended;
}

export interface Ended {
  /** Microseconds since it was run. */
  readonly after: number;
  readonly status?: number;
  /** The number of the signal that ended it. */
  readonly signal?: number;
}

export interface ConnectAsked extends DoneBy {
  readonly did: "connect";
  readonly to: ConnectTarget;
  /** Why it failed, or EINPROGRESS (115) of one that did not wait; absent: it was there. */
  readonly errno?: number;
  /** How many that were alike, one after the other, it stands for; absent: one. */
  readonly count?: number;
}

export type ConnectTarget =
  | { readonly family: "inet" | "inet6"; readonly address: string; readonly port: number }
  /** An abstract name begins with a NUL. */
  | { readonly family: "unix"; readonly path: ByteString }
  | { readonly family: number };

/** What was over the bounds of a session within one second, or was lost: counted, not told. */
export interface NotTold extends Done {
  readonly did: "more";
  readonly runs: number;
  readonly connects: number;
}

export const MOST_ARGUMENTS = 128;
export const MOST_ARGUMENT_BYTES = 8192;
export const LONGEST_PATH = 4096;
