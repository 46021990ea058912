import type { FileFact } from "../model/file-facts.ts";
import type { SessionId } from "../model/ids.ts";
import { MOST_ASKED } from "../model/watcher-messages.ts";
import type { Outcome } from "./file-witness-contents.ts";
import type { Seen } from "./sandbox-facts.ts";
import type { Doer, ProcessWatch } from "./watch/process-watch.ts";

/** What a witness saw, with who did it. */
export interface Deed {
  readonly fact: Omit<FileFact, "whose">;
  /** As the machine numbers it. */
  readonly process: number;
  /** When it was seen to do it: microseconds of CLOCK_MONOTONIC. */
  readonly seen: number;
  /** It only read the file: that counts as run where it was its interpreter's script. Then the content is kept by this. */
  readonly ifScript?: { readonly keep: () => Promise<Outcome>; readonly bytes: number };
}

export interface FileDoersOptions {
  /** Sessions that are, or were, in the sandbox. */
  readonly occupants: (sandbox: string) => readonly SessionId[];
  readonly processes: () => Pick<ProcessWatch, "ask"> | undefined;
  readonly take: (seen: Seen) => void;
  /** What `keep` threw. */
  readonly failed: (error: unknown) => void;
}

/** Beyond these of one sandbox its witness has to wait. */
const MOST_WAITING = 1000;
const MOST_BYTES = 16 * 1024 * 1024;

interface Queue {
  readonly deeds: Deed[];
  bytes: number;
  readonly done: Promise<void>;
}

/** Finds out whose doing it was what the witnesses of files tell, and leads it on in its order. */
export class FileDoers {
  readonly #options: FileDoersOptions;
  readonly #queues = new Map<string, Queue>();

  constructor(options: FileDoersOptions) {
    this.#options = options;
  }

  /** Resolves when there is room for more of that sandbox. */
  async add(sandbox: string, deed: Deed): Promise<void> {
    const queue = this.#queues.get(sandbox) ?? this.#open(sandbox);
    queue.deeds.push(deed);
    queue.bytes += deed.ifScript?.bytes ?? 0;
    if (queue.deeds.length >= MOST_WAITING || queue.bytes > MOST_BYTES) await queue.done;
  }

  /** Resolves when all that was added of that sandbox is led on. */
  async settled(sandbox: string): Promise<void> {
    await this.#queues.get(sandbox)?.done;
  }

  #open(sandbox: string): Queue {
    const deeds: Deed[] = [];
    // It begins when the first is in there.
    const done = Promise.resolve().then(() => this.#lead(sandbox, deeds));
    const queue = { deeds, bytes: 0, done };
    this.#queues.set(sandbox, queue);
    return queue;
  }

  async #lead(sandbox: string, deeds: Deed[]): Promise<void> {
    while (deeds.length > 0) {
      const some = deeds.splice(0, MOST_ASKED);
      const isAlone = this.#options.occupants(sandbox).length <= 1;
      // Then it cannot be anybody else's.
      const isPlain = isAlone && some.every(({ ifScript }) => ifScript === undefined);
      const doers = isPlain ? undefined : await this.#ask(sandbox, some);
      for (const [index, deed] of some.entries()) await this.#tell(sandbox, deed, isAlone, doers?.[index]);
    }
    this.#queues.delete(sandbox);
  }

  async #ask(sandbox: string, deeds: readonly Deed[]) {
    return this.#options.processes()?.ask(
      sandbox,
      deeds.map(({ process, seen, ifScript, fact }) => ({
        process,
        before: seen,
        ...(ifScript === undefined ? {} : { file: fact.path }),
      })),
    );
  }

  async #tell(
    sandbox: string,
    { fact, ifScript }: Deed,
    isAlone: boolean,
    doer: Doer | undefined,
  ): Promise<void> {
    if (ifScript !== undefined && doer?.ranFile !== true) return;
    const session = isAlone ? undefined : doer?.session;
    const whose = isAlone ? "alone" : session === undefined ? "last" : "process";
    try {
      const outcome = await ifScript?.keep();
      this.#options.take({ sandbox, session, facts: [{ ...fact, ...outcome, whose }] });
    } catch (error) {
      this.#options.failed(error);
    }
  }
}
