/** What may not be sent while a key exchange runs (RFC 4253 section 9), in order. Bounded by who sends: `send` says false for each. */
export class HeldPayloads {
  #payloads: Buffer[] = [];
  #bytes = 0;
  #then: (() => void) | undefined;

  get bytes(): number {
    return this.#bytes;
  }

  /** Something is to happen once these are gone, after which nothing more is sent. */
  get closing(): boolean {
    return this.#then !== undefined;
  }

  hold(payload: Uint8Array): void {
    this.#payloads.push(Buffer.from(payload));
    this.#bytes += payload.length;
  }

  /** Calls `act` after the next release, or now if nothing is held. Whether it was now. */
  afterwards(act: () => void): boolean {
    if (this.#payloads.length > 0) {
      this.#then = act;
      return false;
    }
    act();
    return true;
  }

  release(send: (payload: Buffer) => void): void {
    const payloads = this.#payloads;
    this.#payloads = [];
    this.#bytes = 0;
    for (const payload of payloads) send(payload);
    const then = this.#then;
    this.#then = undefined;
    then?.();
  }
}
