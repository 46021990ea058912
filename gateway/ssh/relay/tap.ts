import type { Origin } from "../../model/entries.ts";

/** Sees every payload of types 80 to 100, in the order it is passed on. Its throwing ends the relay with nothing more passed on. */
export interface RelayTap {
  /** Takes a copy; the payload is the relay's again when this returns. */
  packet(from: Origin, payload: Buffer): void;
  /** What was given is safe once this returns; only then it leaves. */
  flush(): void;
}
