import type { Transport, TransportEnd, TransportHandler } from "../transport/transport.ts";

export type Arrival =
  | { readonly kind: "payload"; readonly payload: Buffer; readonly sequence: number }
  | { readonly kind: "closed"; readonly end: TransportEnd }
  | { readonly kind: "aborted" };

/**
 * Takes payloads off a transport one at a time. Between two calls of `next` nobody is attached, so the socket is not read: whoever sends
 * faster than answers are made fills the kernel's buffers, not ours, and what was not taken is left for whoever attaches next.
 */
export class Inbox {
  readonly #transport: Transport;
  readonly #signal: AbortSignal | undefined;
  #end: Exclude<Arrival, { kind: "payload" }> | undefined;
  #wake: (() => void) | undefined;

  constructor(transport: Transport, signal?: AbortSignal) {
    this.#transport = transport;
    this.#signal = signal;
    void transport.closed.then((end) => {
      this.#finish({ kind: "closed", end });
    });
    if (signal?.aborted === true) this.#onAbort();
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** The first of closed and aborted, once it is so. */
  get end(): Exclude<Arrival, { kind: "payload" }> | undefined {
    return this.#end;
  }

  async next(): Promise<Arrival> {
    let arrival: Arrival | undefined;
    await this.#attached((done) => ({
      payload: (payload, sequence) => {
        arrival = { kind: "payload", payload: Buffer.from(payload), sequence };
        done();
      },
    }));
    return arrival ?? this.#end ?? { kind: "aborted" };
  }

  /** Sends, and waits while the other side does not read. A peer that floods and never reads costs one socket buffer. */
  async send(payload: Uint8Array): Promise<void> {
    if (this.#transport.send(payload)) return;
    this.#transport.pause();
    await this.#attached((done) => ({
      payload: () => undefined, // A paused transport delivers none.
      drain: done,
    }));
    this.#transport.resume();
  }

  /** What `work` comes to, or undefined when the connection ends first. What it throws after that is of no concern to anybody. */
  async during<T>(work: Promise<T>): Promise<T | undefined> {
    work.catch(() => undefined);
    if (this.#end !== undefined) return undefined;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#wake = () => {
      resolve(undefined);
    };
    try {
      return await Promise.race([work, promise]);
    } finally {
      this.#wake = undefined;
    }
  }

  /** To be called once, at the end: from then on the transport is somebody else's. */
  release(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }

  async #attached(handler: (done: () => void) => TransportHandler): Promise<void> {
    if (this.#end !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const done = () => {
      this.#wake = undefined;
      this.#transport.attach(null);
      resolve(undefined);
    };
    this.#wake = done;
    this.#transport.attach(handler(done));
    await promise;
  }

  readonly #onAbort = (): void => {
    this.#finish({ kind: "aborted" });
  };

  #finish(end: Exclude<Arrival, { kind: "payload" }>): void {
    this.#end ??= end;
    this.#wake?.();
  }
}
