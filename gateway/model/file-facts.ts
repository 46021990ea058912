import type { ByteString } from "./bytes.ts";
import type { Change } from "./capture.ts";

/** A file that was run, or deleted before a capture could find it. */
export interface FileFact {
  readonly kind: "file";
  readonly how: "run" | "deleted" | "run-and-deleted";
  /** Absolute, inside the sandbox; of a program that was in memory alone `memfd:` and its name. */
  readonly path: ByteString;
  /** Name in `artifacts/`, when the content was kept. */
  readonly sha256?: string;
  /** Bytes. */
  readonly size: number;
  /** Why the content was not kept. */
  readonly leftOut?: Change["leftOut"];
  /** Of whoever wrote or ran it last, as they are inside; absent where that process had ended. */
  readonly pid?: number;
  /** Of that process, else the file's owner. */
  readonly uid?: number;
  /**
   * How it is known whose session's doing it was: by its process, because nobody else was ever in there, or not at all, so that it is
   * told of who logged in last. Absent in what was written before this was told.
   */
  readonly whose?: "process" | "alone" | "last";
  /** When it was seen: microseconds since 1970. */
  readonly time: number;
}
