import type { Logger } from "pino";
import { MitsubakoError } from "../model/errors.ts";
import { Broods, type Brood } from "./broods.ts";
import type { ReadySandbox } from "./lifecycle.ts";

export type Make = (signal: AbortSignal) => Promise<ReadySandbox>;

export interface NurseryOptions {
  /** Of which kinds spares are kept, and how each is made. */
  readonly kinds: () => ReadonlyMap<string, Make>;
  /** Sandboxes at once, of whatever kind and state. */
  readonly most: () => number;
  /** Warm spares to keep of each kind. */
  readonly spares: () => number;
  /** Whether a spare is as the policy now wants it. */
  readonly isCurrent: (spare: ReadySandbox) => boolean;
  /** Asked when there are as many as may be: sets out to remove one that nobody is in. False: there is none. */
  readonly makeRoom: (forWhom: "source" | "spare") => boolean;
  readonly log: Logger;
}

/** What somebody waits for. */
export interface Wish {
  /** Any of this kind will do; where it is absent, no spare: one is made for them alone. */
  readonly kind?: string | undefined;
  readonly make: Make;
}

interface Waiter extends Wish {
  readonly resolve: (sandbox: ReadySandbox) => void;
  readonly reject: (error: unknown) => void;
  /** One is being made for them alone. */
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
  readonly #broods = new Broods();
  readonly #waiting = new Set<Waiter>();
  readonly #closing = new AbortController();
  readonly #busy = new Set<Promise<unknown>>();
  /** For one who waits, and for nobody else. */
  #makingAlone = 0;
  #leaving = 0;
  /** All that exist: being made, spare, assigned, leaving. */
  #count = 0;

  constructor(options: NurseryOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  get spares(): number {
    return this.#broods.spares;
  }

  /**
   * A ready sandbox as it is wished for; a spare at once, else when one is made. If the wait is aborted, what arrives late is kept for
   * others, or removed where it was made for nobody else.
   * @throws MitsubakoError `no-sandbox`; the signal's reason.
   */
  async take(signal: AbortSignal, wish: Wish): Promise<ReadySandbox> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<ReadySandbox>();
    const waiter: Waiter = { ...wish, resolve, reject, isServed: false };
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
    const spare = this.#broods.remove(container);
    if (spare) this.leaving(spare.remove());
  }

  /** Sees to it that whoever waits is served or refused, and that spares are being made. */
  pump(): void {
    this.#dropOutdated();
    for (const waiter of this.#waiting) {
      const spare = waiter.kind === undefined ? undefined : this.#broods.take(waiter.kind);
      if (spare) this.#serve(waiter, spare);
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
    this.#broods.stopRetries();
    this.pump();
    for (let isOne = true; isOne;) isOne = this.#dropSpare();
    while (this.#busy.size > 0) await Promise.allSettled(this.#busy);
  }

  #makeForWaiting(): void {
    const { most, makeRoom } = this.#options;
    for (;;) {
      const [waiter] = this.#unserved();
      const making = this.#broods.making + this.#makingAlone;
      if (waiter === undefined || making >= MOST_AT_ONCE || this.#count >= most()) break;
      if (waiter.kind === undefined) this.#makeFor(waiter);
      else this.#make(waiter.kind, waiter.make);
    }
    // Those who cannot be served by what is being made or will be free have to be told, unless a spare that will not do makes way, or
    // somebody idle.
    const room = Math.max(0, most() - this.#count);
    const missing = () => this.#unserved().length - room - this.#leaving - this.#sparesToCome;
    while (missing() > 0) {
      if (this.#dropSpare() || makeRoom("source")) continue;
      this.#refuse(missing(), "all are in use");
    }
  }

  /** Those for whom nothing is being made yet, the longest waiting first. */
  #unserved(): Waiter[] {
    const making = this.#broods.makingByKind;
    return [...this.#waiting].filter(({ kind, isServed }) => {
      if (kind === undefined) return !isServed;
      const left = making.get(kind) ?? 0;
      making.set(kind, left - 1);
      return left <= 0;
    });
  }

  /** Those that are being made and nobody waits for: who cannot use them gets their place. */
  get #sparesToCome(): number {
    return [...this.#broods.makingByKind].reduce((sum, [kind, making]) => {
      const wanted = [...this.#waiting].filter((waiter) => waiter.kind === kind).length;
      return sum + Math.max(0, making - wanted);
    }, 0);
  }

  /** @returns whether there was one. */
  #dropSpare(): boolean {
    const spare = this.#broods.takeOfMost();
    if (spare) this.leaving(spare.remove());
    return spare !== undefined;
  }

  /** Of the kind that has fewest. */
  #makeSpare(): void {
    const { kinds, most, spares, makeRoom } = this.#options;
    if (this.#broods.making > 0) return;
    const [first] = [...kinds()]
      .map(([kind, make]) => ({ kind, make, brood: this.#broods.of(kind) }))
      .filter(({ brood }) => brood.retry === undefined && brood.spares.length < spares())
      .sort((one, other) => one.brood.spares.length - other.brood.spares.length);
    if (first === undefined) return;
    if (this.#count < most()) this.#make(first.kind, first.make);
    else if (this.#leaving === 0) makeRoom("spare");
  }

  #make(kind: string, make: Make): void {
    const brood = this.#broods.of(kind);
    brood.making++;
    this.#count++;
    this.#track(
      make(this.#closing.signal).then(
        (sandbox) => {
          brood.making--;
          brood.failures = 0;
          brood.spares.push(sandbox);
          if (this.#closing.signal.aborted) this.lost(sandbox.container);
          this.pump();
        },
        (error: unknown) => {
          brood.making--;
          this.#count--;
          this.#failed(
            error,
            [...this.#waiting].find((waiter) => waiter.kind === kind),
          );
          this.#tryAgain(brood);
          this.pump();
        },
      ),
    );
  }

  /** For one who waits, and nobody else: who gives up leaves it to be removed. */
  #makeFor(waiter: Waiter): void {
    this.#makingAlone++;
    this.#count++;
    waiter.isServed = true;
    this.#track(
      waiter.make(this.#closing.signal).then(
        (sandbox) => {
          this.#makingAlone--;
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

  #failed(error: unknown, waiter: Waiter | undefined): void {
    if (this.#closing.signal.aborted) return;
    this.#options.log.error({ err: error }, "a sandbox could not be made");
    if (waiter === undefined || !this.#waiting.delete(waiter)) return;
    waiter.reject(new MitsubakoError("no-sandbox", "A sandbox could not be made.", { cause: error }));
  }

  /** No spare of that kind before a while is over; the others do not suffer from it. */
  #tryAgain(brood: Brood): void {
    if (this.#closing.signal.aborted) return;
    const delay = Math.min(FIRST_DELAY * 2 ** brood.failures++, LONGEST_DELAY);
    clearTimeout(brood.retry);
    brood.retry = setTimeout(() => {
      brood.retry = undefined;
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
    const kinds = this.#options.kinds();
    const isWanted = (kind: string) =>
      kinds.has(kind) || [...this.#waiting].some((waiter) => waiter.kind === kind);
    for (const spare of this.#broods.takeOutdated(isWanted, this.#options.isCurrent))
      this.leaving(spare.remove());
  }

  #track(work: Promise<unknown>): void {
    const tracked = work.finally(() => this.#busy.delete(tracked));
    this.#busy.add(tracked);
  }
}
