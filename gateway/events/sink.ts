import type { WrittenEvent } from "./cowrie-event.ts";

/** Where events go. A sink that fails drops what it was given, counts it and says so; the others go on (STYLE 2.8). */
export interface EventSink {
  /** Consumed when this returns. Never throws. */
  write(events: readonly WrittenEvent[]): void;
  close(): void;
}
