import type { Belongings, Holding } from "../index/link-about.ts";
import type { Links } from "../index/links.ts";

/** What was asked about, and what belongs together with it. */
export interface Linked {
  readonly about: "session" | "source" | "file" | "key";
  readonly value: string;
  /** Of a session or a source. */
  readonly own?: Belongings;
  readonly links?: Links;
  /** Of a file or a key. */
  readonly holdings?: readonly Holding[];
}
