import type { EventContext } from "../events/cowrie.ts";
import type { CowrieEvent } from "../events/cowrie-event.ts";
import type { IndexStore } from "../index/store.ts";
import type { SessionId } from "../model/ids.ts";

/** What the finishing of a session works with. */
export interface Finishing {
  readonly dataFolder: string;
  readonly context: EventContext;
  readonly index: IndexStore;
  /** Called with a session's events in their order, some at a time. The writer knows which it has written before. */
  readonly emit: (session: SessionId, events: readonly CowrieEvent[]) => void;
  readonly problem: (message: string) => void;
}
