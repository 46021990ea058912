import type { Logger } from "pino";
import { MitsubakoError } from "../model/errors.ts";
import type { ReadySandbox } from "./lifecycle.ts";

export interface NurseryOptions {
  readonly make: (signal: AbortSignal) => Promise<ReadySandbox>;
  /** Sandboxes at once, of whatever state. */
  readonly most: () => number;
  /** Warm spares to keep. */
  readonly spares: () => number;
  /** Whether a spare is as the policy now wants it. */
  readonly isCurrent: (spare: ReadySandbox) => boolean;
  /** Asked when there are as many as may be: sets out to remove one that nobody is in. False: there is none. */
  readonly makeRoom: (forWhom: "source" | "spare") => boolean;
  readonly log: Logger;
}

type Make = NurseryOptions["make"];

interface Waiter {
  readonly resolve: (sandbox: ReadySandbox) => void;
  readonly reject: (error: unknown) => void;
  /** No spare will do: one is made for them alone. */
  readonly make: Make | undefined;
  /** It is being made. */
  isServed: boolean;
}

/** Sandboxes made at the same time while somebody waits; more only take turns on the engine's locks. */
const MOST_AT_ONCE = 4;
/** Milliseconds, doubled at each failure in a row. */
const FIRST_DELAY = 1000;
const LONGEST_DELAY = 60_000;

/** Makes sandboxes: for those who wait first, then as warm spares. Counts every sandbox until it is gone. */
export class Nursery {
  readonly #options: NurseryOptions;
  readonly #spares: ReadySandbox[] = [];
  readonly #waiting = new Set<Waiter>();
  readonly #closing = new AbortController();
  readonly #busy = new Set<Promise<unknown>>();
  #making = 0;
  /** For one who waits, and for nobody else. */
  #makingAlone = 0;
  #leaving = 0;
  /** All that exist: being made, spare, assigned, leaving. */
  #count = 0;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: NurseryOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  get spares(): number {
    return this.#spares.length;
  }

  /**
   * A ready sandbox; a spare at once, else when one is made. With `make` it is made by that, whatever spares there are. If the wait is
   * aborted, what arrives late is kept for others, or removed where it was made for nobody else.
   * @throws MitsubakoError `no-sandbox`; the signal's reason.
   */
  async take(signal: AbortSignal, make?: Make): Promise<ReadySandbox> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<ReadySandbox>();
    const waiter: Waiter = { resolve, reject, make, isServed: false };
    const giveUp = () => {
      this.#waiting.delete(waiter);
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    this.#waiting.add(waiter);
    this.pump();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** Counts a sandbox that is being removed; there is room when that is done. A failed removal is as good as done: reaping is next. */
  leaving(removal: Promise<void>): void {
    this.#leaving++;
    const done = removal
      .catch((error: unknown) => {
        this.#options.log.error(
          { err: error },
          "a sandbox could not be removed; the next start will reap it",
        );
      })
      .then(() => {
        this.#leaving--;
        this.#count--;
        this.pump();
      });
    this.#track(done);
  }

  /** A spare whose container ended. */
  lost(container: string): void {
    const at = this.#spares.findIndex((spare) => spare.container === container);
    const [spare] = at < 0 ? [] : this.#spares.splice(at, 1);
    if (spare) this.leaving(spare.remove());
  }

  /** Sees to it that whoever waits is served or refused, and that spares are being made. */
  pump(): void {
    this.#dropOutdated();
    for (const waiter of this.#waiting) {
      if (waiter.make !== undefined) continue;
      const spare = this.#spares.shift();
      if (!spare) break;
      this.#serve(waiter, spare);
    }
    if (this.#closing.signal.aborted) {
      for (const waiter of this.#waiting) waiter.isServed = false;
      this.#refuse(this.#waiting.size, "the gateway is stopping");
      return;
    }
    this.#makeForWaiting();
    if (this.#waiting.size === 0) this.#makeSpare();
  }

  /** Makes no more, and removes the spares. */
  async close(): Promise<void> {
    this.#closing.abort(new MitsubakoError("no-sandbox", "The gateway is stopping."));
    clearTimeout(this.#retry);
    this.pump();
    for (const spare of this.#spares.splice(0)) this.leaving(spare.remove());
    while (this.#busy.size > 0) await Promise.allSettled(this.#busy);
  }

  #makeForWaiting(): void {
    const { most, makeRoom } = this.#options;
    for (;;) {
      const [waiter] = this.#unserved();
      if (waiter === undefined || this.#making + this.#makingAlone >= MOST_AT_ONCE) break;
      // A spare that will not do makes way.
      if (this.#count >= most() && waiter.make !== undefined && this.#leaving === 0) this.#dropSpare();
      if (this.#count >= most()) break;
      if (waiter.make === undefined) this.#make();
      else this.#makeFor(waiter, waiter.make);
    }
    // Those who cannot be served by what is being made or will be free have to be told, unless somebody idle can go.
    const room = Math.max(0, most() - this.#count);
    const missing = () => this.#unserved().length - room - this.#leaving - this.#sparesToCome;
    while (missing() > 0) {
      if (makeRoom("source")) continue;
      this.#refuse(missing(), "all are in use");
    }
  }

  /** Those for whom nothing is being made yet, the longest waiting first. */
  #unserved(): Waiter[] {
    let making = this.#making;
    return [...this.#waiting].filter((waiter) =>
      waiter.make === undefined ? making-- <= 0 : !waiter.isServed,
    );
  }

  /** Those that are being made and nobody waits for: who cannot use them gets their place. */
  get #sparesToCome(): number {
    const plain = [...this.#waiting].filter(({ make }) => make === undefined).length;
    return Math.max(0, this.#making - plain);
  }

  #dropSpare(): void {
    const spare = this.#spares[0];
    if (spare) this.lost(spare.container);
  }

  #makeSpare(): void {
    const { most, spares, makeRoom } = this.#options;
    if (this.#making > 0 || this.#retry !== undefined || this.#spares.length >= spares()) return;
    if (this.#count < most()) this.#make();
    else if (this.#leaving === 0) makeRoom("spare");
  }

  #make(): void {
    this.#making++;
    this.#count++;
    this.#track(
      this.#options.make(this.#closing.signal).then(
        (sandbox) => {
          this.#making--;
          this.#failures = 0;
          this.#spares.push(sandbox);
          if (this.#closing.signal.aborted) this.lost(sandbox.container);
          this.pump();
        },
        (error: unknown) => {
          this.#making--;
          this.#count--;
          this.#failed(error);
          this.pump();
        },
      ),
    );
  }

  /** For one who waits, and nobody else: who gives up leaves it to be removed. */
  #makeFor(waiter: Waiter, make: Make): void {
    this.#makingAlone++;
    this.#count++;
    waiter.isServed = true;
    this.#track(
      make(this.#closing.signal).then(
        (sandbox) => {
          this.#makingAlone--;
          this.#failures = 0;
          if (this.#waiting.has(waiter) && !this.#closing.signal.aborted) this.#serve(waiter, sandbox);
          else this.leaving(sandbox.remove());
          this.pump();
        },
        (error: unknown) => {
          this.#makingAlone--;
          this.#count--;
          this.#failed(error, waiter);
          this.pump();
        },
      ),
    );
  }

  #failed(error: unknown, whose?: Waiter): void {
    if (this.#closing.signal.aborted) return;
    this.#options.log.error({ err: error }, "a sandbox could not be made");
    const waiter = whose ?? [...this.#waiting].find(({ make }) => make === undefined);
    if (waiter && this.#waiting.has(waiter)) {
      this.#waiting.delete(waiter);
      waiter.reject(new MitsubakoError("no-sandbox", "A sandbox could not be made.", { cause: error }));
    }
    const delay = Math.min(FIRST_DELAY * 2 ** this.#failures++, LONGEST_DELAY);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.pump();
    }, delay);
  }

  /** The last who came are refused first: the others have waited longer. */
  #refuse(count: number, why: string): void {
    for (const waiter of [...this.#waiting].filter(({ isServed }) => !isServed).slice(-count)) {
      this.#waiting.delete(waiter);
      waiter.reject(new MitsubakoError("no-sandbox", `No sandbox can be had: ${why}.`));
    }
  }

  #serve(waiter: Waiter, sandbox: ReadySandbox): void {
    this.#waiting.delete(waiter);
    waiter.resolve(sandbox);
  }

  #dropOutdated(): void {
    for (const spare of this.#spares.filter((each) => !this.#options.isCurrent(each)))
      this.lost(spare.container);
  }

  #track(work: Promise<unknown>): void {
    const tracked = work.finally(() => this.#busy.delete(tracked));
    this.#busy.add(tracked);
  }
}
