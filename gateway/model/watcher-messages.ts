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
  | { readonly kind: "leave"; readonly namespace: number };

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
  /** For the log. */
  | { readonly kind: "problem"; readonly message: string };

/** Facts in one message. */
export const MOST_FACTS_AT_ONCE = 500;
