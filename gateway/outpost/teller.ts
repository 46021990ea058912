import type { NetworkFact } from "../model/network-facts.ts";

/** Takes a fact to where it is told, or counted. */
export type Tell = (fact: NetworkFact, who: Who) => void;

/** Whose fact it is, as far as it is known. */
export interface Who {
  readonly sandbox: string | undefined;
  readonly mac: string | undefined;
}

/** The world's end of a connection of which netfilter's log has not told us. */
export const UNKNOWN_ADDRESS = "0.0.0.0";
