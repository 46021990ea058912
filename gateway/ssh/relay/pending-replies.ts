/** What stands in for the upstream's reply to a request that was not the client's. */
export type Substitute =
  /** A reply of ours to a global request, once it is made. It never rejects. */
  | { readonly kind: "reply"; readonly payload: Promise<Buffer> }
  /** SSH_MSG_UNIMPLEMENTED for the client's packet with this number. */
  | { readonly kind: "unimplemented"; readonly sequence: number }
  /** The answer to a ping. */
  | { readonly kind: "pong"; readonly payload: Buffer };

/**
 * Replies to global requests carry no number: they come in the order of the requests (RFC 4254 section 4). This remembers, for each one that
 * is still to come from upstream, whether it is the client's or the place of an answer of ours.
 */
export class PendingReplies {
  #entries: (Substitute | undefined)[] = [];
  #head = 0;
  #bytes = 0;

  /** Of the pongs that wait. A ping brings up to 256 KiB, which go back. */
  get bytes(): number {
    return this.#bytes;
  }

  get length(): number {
    return this.#entries.length - this.#head;
  }

  /** The next reply but those pending is the client's (undefined) or is to be replaced. */
  push(entry: Substitute | undefined): void {
    this.#entries.push(entry);
    if (entry?.kind === "pong") this.#bytes += entry.payload.length;
  }

  /** What the reply that came now stands for; undefined for the client's, and for one that nobody asked for. */
  shift(): Substitute | undefined {
    if (this.length === 0) return undefined;
    const entry = this.#entries[this.#head];
    this.#entries[this.#head++] = undefined;
    if (entry?.kind === "pong") this.#bytes -= entry.payload.length;
    if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head >= 1024) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
    return entry;
  }
}
