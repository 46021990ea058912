import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { EventBody } from "../events/cowrie-event.ts";
import type { EventSink } from "../events/sink.ts";
import { FileSink } from "../events/sink-file.ts";
import { SpoolSink, type SpoolTally } from "../events/sink-spool.ts";
import { StdoutSink } from "../events/sink-stdout.ts";
import { lastSpooled, lastWritten } from "../events/written.ts";
import type { EventsPolicy } from "../model/archivist-messages.ts";
import { COURIER_FOLDER, SPOOL_FOLDER } from "../model/spool.ts";
import { EventWriter } from "./event-writer.ts";

/** How often the spool is tidied and told of, in milliseconds. */
const TIDY_EVERY = 5000;

export interface SinksOptions {
  readonly dataFolder: string;
  readonly policy: EventsPolicy;
  /** Those that may come again, and the time before which nothing of them was written (milliseconds since 1970). */
  readonly sessions: ReadonlySet<string>;
  readonly since: number;
  readonly problem: (message: string) => void;
  /** Called when it is another than before. */
  readonly spooled: (tally: SpoolTally) => void;
}

/** Where the policy wants events to go. */
export class Sinks {
  readonly writer: EventWriter;
  readonly #options: SinksOptions;
  readonly #file: FileSink;
  readonly #spool: SpoolSink;
  #stdout: EventSink | undefined;
  readonly #tidying: NodeJS.Timeout;
  #told = "";

  /** Goes on where the last archivist was. */
  static async open(options: SinksOptions): Promise<Sinks> {
    const { dataFolder, sessions, since } = options;
    const [events, spool, courier] = ["events", SPOOL_FOLDER, COURIER_FOLDER].map((name) =>
      join(dataFolder, name),
    ) as [string, string, string];
    for (const folder of [events, spool, courier]) mkdirSync(folder, { recursive: true, mode: 0o750 });
    const written = await lastWritten(events, sessions, since);
    const spooled = await lastSpooled(spool, sessions, since, written);
    return new Sinks(options, { events, spool, courier }, { written, spooled });
  }

  private constructor(
    options: SinksOptions,
    { events, spool, courier }: { events: string; spool: string; courier: string },
    last: { written: Map<string, number>; spooled: Map<string, number> },
  ) {
    const { policy, problem } = options;
    this.#options = options;
    this.#file = new FileSink(events, policy, problem);
    this.#spool = new SpoolSink({ spool, courier }, policy.webhook, problem);
    this.#stdout = policy.stdout ? new StdoutSink(problem) : undefined;
    const file: EventSink = {
      write: (some) => {
        this.#file.write(some);
        this.#stdout?.write(some);
      },
      close: () => {
        this.#file.close();
      },
    };
    // The spool first: what stands in the file was spooled, so that a killed writer knows it of events that were taken long ago.
    this.writer = new EventWriter([
      { sink: this.#spool, last: last.spooled },
      { sink: file, last: last.written },
    ]);
    this.#tidying = setInterval(() => {
      this.#tidy();
    }, TIDY_EVERY);
    this.#tidy();
  }

  /** An event of no session. */
  announce(event: EventBody): void {
    this.#spool.write([event]);
    this.#file.write([event]);
    this.#stdout?.write([event]);
  }

  configure(policy: EventsPolicy): void {
    this.#file.configure(policy);
    this.#spool.configure(policy.webhook);
    if (policy.stdout) this.#stdout ??= new StdoutSink(this.#options.problem);
    else this.#stdout = undefined;
  }

  close(): void {
    clearInterval(this.#tidying);
    this.#tidy();
    this.#spool.close();
    this.#file.close();
  }

  #tidy(): void {
    try {
      const tally = this.#spool.tidy();
      const told = JSON.stringify(tally);
      if (told !== this.#told) this.#options.spooled(tally);
      this.#told = told;
    } catch {
      // A full disk, most likely: what was to be written down is tried again.
    }
  }
}
