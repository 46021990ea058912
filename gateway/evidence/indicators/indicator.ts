import type { ByteString } from "../../model/bytes.ts";

/** What strangers leave that can be looked for elsewhere. The rule of each stands in docs/evidence.md. */
export const INDICATOR_KINDS = [
  "url",
  "domain",
  "address",
  "hash",
  "wallet",
  "pool",
  "user-agent",
  "ssh-key",
  "user-made",
  "password-changed",
  "cron",
  "service",
  "startup",
  "preload",
  "sudoers",
  "kernel-module",
  "tampering",
] as const;
export type IndicatorKind = (typeof INDICATOR_KINDS)[number];

export function isIndicatorKind(text: string): text is IndicatorKind {
  return (INDICATOR_KINDS as readonly string[]).includes(text);
}

/** One thing as a scanner found it, before it is known where. */
export interface Found {
  readonly kind: IndicatorKind;
  /** As strangers wrote it, or in the one form that its kind has. */
  readonly value: ByteString;
  /** What else is known of it: a key's comment, a unit's command line. Each as strangers wrote it. */
  readonly details?: Readonly<Record<string, ByteString>>;
}

/** Where an indicator was seen: an entry of the recording, or a path in the sandbox with what was kept of it. */
export type Cite =
  | {
      readonly entry: number;
      /** Nanoseconds since the session's start. */
      readonly at: bigint;
    }
  | {
      readonly path: ByteString;
      /** SHA-256, where it was seen in the content. */
      readonly artifact?: string;
    }
  /** It was tried on the network after the session. */
  | {
      /** Microseconds since 1970. */
      readonly late: number;
    };

export interface Indicator extends Found {
  /** In the order in which they came; at most MOST_CITES. */
  readonly cites: readonly Cite[];
}

/** Of one session, of one capture, and of what came after one session. The first tell what it is. */
export const MOST_INDICATORS = 1000;
export const MOST_CITES = 20;
/** Bytes. A longer URL is left out, since the beginning of one is another one; a longer line is cut. */
export const LONGEST_VALUE = 2048;
