/**
 * Ctrl-C, or an order to end, while something is held that has to be given back first. Until it is disposed of, a signal only aborts; another
 * one changes nothing.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #handlers = Object.entries(NUMBERS).map(([name, number]) => {
    const handler = () => {
      this.#exitCode ??= 128 + number;
      this.#controller.abort(new Error(`interrupted by ${name}`));
    };
    process.on(name, handler);
    return [name, handler] as const;
  });
  #exitCode: number | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** As a shell gives it to a program that a signal ended; undefined when none came. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  [Symbol.dispose](): void {
    for (const [name, handler] of this.#handlers) process.off(name, handler);
  }
}

const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };
