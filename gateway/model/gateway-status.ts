import type { Endpoint } from "./endpoint.ts";

/** Relative to the data folder: how the gateway is, replaced as a whole. */
export const STATUS_FILE = "status.json";
/** Relative to the data folder: which policy came into force or was refused when, a JSON object a line. */
export const POLICY_HISTORY_FILE = "policy-history.jsonl";

/** How often the status is written though nothing has changed, in milliseconds; one that is much older is of a gateway that was killed. */
export const STATUS_EVERY = 15_000;
/** How often it is looked whether something has changed, in milliseconds. */
export const STATUS_LOOK = 500;

/** Times are ISO 8601, UTC. */
export interface GatewayStatus {
  readonly at: string;
  readonly started: string;
  /** It ended in order. */
  readonly stopped?: string;
  readonly slot: number;
  readonly pid: number;
  readonly listening: readonly Endpoint[];
  readonly policy: {
    readonly path: string;
    /** The files that it extends. */
    readonly bases: readonly string[];
    readonly hash: string;
    /** Since when it is in force. */
    readonly since: string;
    /** `sandbox.most`. */
    readonly most: number;
  };
  /** What the file says now was refused; the policy above stays in force. */
  readonly refused?: { readonly at: string; readonly message: string };
  /** The way out that the policy above asks for could not be put in force. Nothing is let out until it can be, which is tried again and again. */
  readonly shut?: { readonly at: string; readonly message: string };
  readonly sandboxes: {
    readonly all: number;
    readonly spares: number;
    readonly sources: number;
    /** Of those with a source: how many go by each profile that has any, by its name. */
    readonly profiles: Readonly<Record<string, number>>;
  };
  /** What strangers can meet, the policy's own first; absent in a status from before there were several. */
  readonly personas?: readonly {
    readonly name: string;
    readonly hostname: string;
    /** The folder of its host keys below `data/keys`. */
    readonly keys: string;
    /** Sources that have a sandbox of it. */
    readonly sources: number;
  }[];
  /** Connections. */
  readonly sessions: number;
}

/** A line of the history. */
export type PolicyHistoryEntry =
  | { readonly at: string; readonly outcome: "start"; readonly policy: string; readonly hash: string }
  | {
      readonly at: string;
      readonly outcome: "changed";
      readonly hash: string;
      /** As `sandbox.idle: "1h" → "2h"`. */
      readonly changes: readonly string[];
    }
  | { readonly at: string; readonly outcome: "refused"; readonly message: string };
