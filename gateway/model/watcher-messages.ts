import type { ByteString } from "./bytes.ts";
import type { Endpoint } from "./endpoint.ts";
import type { ProcessFact } from "./process-facts.ts";

/**
 * What the warden and the watcher say to each other. The watcher reads what programs of strangers did, so it is trusted as little as a
 * front: the warden checks each message (gateway/warden/watch/messages.ts).
 */
export type ToWatcher =
  /** `root`: what the sandboxes' root is on the machine. */
  | { readonly kind: "configure"; readonly root: number }
  /** Nothing more will come of that namespace. */
  | { readonly kind: "leave"; readonly namespace: number }
  /** To be answered once the kernel's record of that number has come, by when all that happened before this was asked is told. */
  | {
      readonly kind: "ask";
      readonly number: number;
      readonly namespace: number;
      readonly processes: readonly AskedProcess[];
    };

/** Whose is, or was, this process? */
export interface AskedProcess {
  /** As the machine numbers it. */
  readonly process: number;
  /** It began before: microseconds of CLOCK_MONOTONIC. */
  readonly before: number;
  /** A file that it opened: was that the script which it was run with? */
  readonly file?: ByteString;
}

/** Undefined: it is not known any more, or never was. */
export type FoundProcess =
  | {
      /** Undefined: nobody's, as what was there before anybody. */
      readonly client: Endpoint | undefined;
      readonly ranFile: boolean;
    }
  | undefined;

export type FromWatcher =
  | { readonly kind: "ready" }
  | {
      readonly kind: "facts";
      /** Inode of the sandbox's process namespace. */
      readonly namespace: number;
      /** Whose connection to the sandbox's SSH server it was, as the sandbox sees it; undefined where that is not known. */
      readonly client: Endpoint | undefined;
      /** In order. */
      readonly facts: readonly ProcessFact[];
    }
  | { readonly kind: "answer"; readonly number: number; readonly processes: readonly FoundProcess[] }
  /** A program that has no name, only a descriptor, is being run: what it is can only be read while it runs. */
  | {
      readonly kind: "unnamed";
      readonly namespace: number;
      readonly client: Endpoint | undefined;
      readonly program: UnnamedProgram;
    }
  /** For the log. */
  | { readonly kind: "problem"; readonly message: string };

export interface UnnamedProgram {
  /** As the machine numbers it, and as it is seen inside. */
  readonly process: number;
  readonly pid: number;
  readonly uid: number;
  /** When it was run: microseconds since 1970. */
  readonly time: number;
}

/** Processes in one question. */
export const MOST_ASKED = 200;
/** Questions that wait for their mark; beyond, the oldest is not answered. */
export const MOST_QUESTIONS = 256;

/** Facts in one message. */
export const MOST_FACTS_AT_ONCE = 500;
