import type { FoundProcess } from "../../model/watcher-messages.ts";

type Answer = readonly FoundProcess[] | undefined;

/** Questions to the watcher that wait for their answers, each at most so many milliseconds. */
export class Questions {
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #within: number;
  #last = 0;

  constructor(within: number) {
    this.#within = within;
  }

  /** Undefined: no answer came in time, or will ever come. @param send the question; it is not asked at all when that is false. */
  ask(send: (number: number) => boolean): Promise<Answer> {
    const number = ++this.#last;
    return new Promise((resolve) => {
      const answered = (answer: Answer) => {
        clearTimeout(late);
        this.#waiting.delete(number);
        resolve(answer);
      };
      const late = setTimeout(answered, this.#within, undefined);
      this.#waiting.set(number, answered);
      if (!send(number)) answered(undefined);
    });
  }

  /** What answers no question that waits is passed over. */
  answered(number: number, answer: readonly FoundProcess[]): void {
    this.#waiting.get(number)?.(answer);
  }

  /** Whoever was asked is gone. */
  abandon(): void {
    for (const answered of [...this.#waiting.values()]) answered(undefined);
  }
}
