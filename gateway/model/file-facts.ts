import type { ByteString } from "./bytes.ts";
import type { Change } from "./capture.ts";

/** A file that a capture at the session's end would not find as it was: it was run, deleted or overwritten before. */
export interface FileFact {
  readonly kind: "file";
  readonly how: "run" | "deleted" | "run-and-deleted" | "overwritten";
  /** Absolute, inside the sandbox. */
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
  /** When it was seen: microseconds since 1970. */
  readonly time: number;
}
