import type { Socket } from "node:net";
import type { CourierConfiguration, CourierTally, FromCourier } from "../model/courier-messages.ts";
import { readCursor, readState, type Cursor } from "../model/spool.ts";
import { showMicros } from "../model/timestamps.ts";
import { saveCursor } from "./cursor-file.ts";
import { pauseAfter } from "./pause.ts";
import { post, type Outcome } from "./post.ts";
import { readBatch, type Batch } from "./spool-reader.ts";

/** How often the spool is looked at, in milliseconds. */
const LOOK_EVERY = 250;

/**
 * Sends what is in the spool to the receiver, in its order, one request at a time, and again until it is taken. What was taken is
 * remembered after it was taken: a courier that is killed sends its last batch twice, and never loses one.
 */
export class Courier {
  readonly #say: (message: FromCourier) => void;
  readonly #open: (signal: AbortSignal) => Promise<Socket>;
  #configuration: CourierConfiguration;
  #cursor: Cursor;
  #tally: CourierTally = { sent: 0, failed: 0, refused: 0 };
  #failures = 0;
  /** Less than the policy's while the receiver finds batches too large. */
  #most = Infinity;
  /** Since when, on the monotonic clock, events wait for others to go with them. */
  #waitingSince: number | undefined;
  #draining = false;
  #unsaved = false;
  #wake: () => void = () => undefined;

  constructor(
    configuration: CourierConfiguration,
    open: (signal: AbortSignal) => Promise<Socket>,
    say: (message: FromCourier) => void,
  ) {
    this.#configuration = configuration;
    this.#cursor = readCursor(configuration.folders.courier) ?? { segment: 0, offset: 0, reported: 0 };
    this.#open = open;
    this.#say = say;
  }

  /** The new one is tried at once. */
  configure(configuration: CourierConfiguration): void {
    this.#configuration = configuration;
    this.#failures = 0;
    this.#most = Infinity;
    this.#wake();
  }

  /** `run` resolves when all is sent, or the receiver does not take it. */
  drain(): void {
    this.#draining = true;
    this.#wake();
  }

  async run(): Promise<void> {
    for (;;) {
      const isLast = this.#draining;
      const pause = await this.#step();
      if (isLast && pause > 0) return;
      if (pause > 0 && !this.#draining) await this.#sleep(pause);
    }
  }

  /** Sends what is due. Resolves with milliseconds after which there may be more to do. */
  async #step(): Promise<number> {
    const { folders, batch: bounds } = this.#configuration;
    const cursor = this.#cursor;
    const { dropped } = readState(folders.spool);
    if (dropped > cursor.reported) {
      const lines = this.#gap(dropped - cursor.reported);
      return this.#send({ lines, count: 0 }, { ...cursor, reported: dropped });
    }
    const events = Math.min(this.#most, bounds.events);
    const batch = readBatch(folders.spool, cursor, { ...bounds, events });
    if (batch === undefined) return LOOK_EVERY;
    const left = this.#leftToWait(batch);
    if (left > 0) return Math.min(left, LOOK_EVERY);
    this.#waitingSince = undefined;
    return this.#send(batch, { ...batch.next, reported: cursor.reported });
  }

  #leftToWait(batch: Batch): number {
    if (batch.isFull || this.#draining || this.#failures > 0) return 0;
    const now = performance.now();
    this.#waitingSince ??= now;
    return this.#waitingSince + this.#configuration.batch.wait - now;
  }

  /** @param next where the cursor stands once it was taken. */
  async #send({ lines, count }: Pick<Batch, "lines" | "count">, next: Cursor): Promise<number> {
    const configuration = this.#configuration;
    const outcome = await post(configuration, bodyOf(lines, configuration.format), this.#open);
    const pause = this.#heard(outcome, count);
    if (pause === "taken" || pause === "refused") this.#moveTo(next);
    this.#say({ kind: "tally", ...this.#tally });
    return typeof pause === "number" ? pause : 0;
  }

  /** What cannot be kept is remembered at least: on a full disk nothing is sent twice while this process lives. */
  #moveTo(cursor: Cursor): void {
    this.#cursor = cursor;
    try {
      saveCursor(this.#configuration.folders.courier, cursor);
      this.#unsaved = false;
    } catch (error) {
      if (!this.#unsaved)
        this.#say({
          kind: "problem",
          message: `how far it has come cannot be written down: ${error instanceof Error ? error.message : String(error)}`,
        });
      this.#unsaved = true;
    }
  }

  #heard(outcome: Outcome, count: number): "taken" | "refused" | number {
    switch (outcome.kind) {
      case "taken":
        this.#count({ sent: count });
        if (this.#failures > 0)
          this.#say({
            kind: "recovered",
            message: `it takes events again, after ${this.#failures} failures`,
          });
        this.#failures = 0;
        this.#most = Math.min(this.#most * 2, this.#configuration.batch.events);
        return "taken";
      case "too-large":
        this.#count({ failed: 1 });
        if (count > 1) {
          this.#most = Math.floor(count / 2);
          return 0;
        }
        this.#count({ refused: count });
        this.#say({ kind: "problem", message: "it finds a single event too large (413); it is left out" });
        return "refused";
      case "failed":
        this.#count({ failed: 1 });
        if (this.#failures++ === 0)
          this.#say({
            kind: "problem",
            message: `it took no events: ${outcome.why}. They wait in the spool and are sent again`,
          });
        return pauseAfter(
          {
            count: this.#failures,
            ...(outcome.retryAfter === undefined ? {} : { retryAfter: outcome.retryAfter }),
          },
          this.#configuration.retry,
          Math.random(),
        );
      default:
        return outcome satisfies never;
    }
  }

  #count(more: Partial<CourierTally>): void {
    const { sent, failed, refused } = this.#tally;
    this.#tally = {
      sent: sent + (more.sent ?? 0),
      failed: failed + (more.failed ?? 0),
      refused: refused + (more.refused ?? 0),
    };
  }

  /** Said by the courier itself, of no session (docs/events.md). */
  #gap(dropped: number): Buffer {
    const { sensor, uuid } = this.#configuration;
    const event = {
      eventid: "cowrie.webhook.dropped",
      timestamp: showMicros(Date.now() * 1000),
      sensor,
      uuid,
      message: `${dropped} events were dropped: they were too many for the spool`,
      mitsubako_lost: dropped,
    };
    return Buffer.from(`${JSON.stringify(event)}\n`, "utf8");
  }

  /** Ends early for a new configuration, and for a drain. */
  async #sleep(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(milliseconds, 2 ** 31 - 1));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => undefined;
  }
}

/** Lines hold no line feed but their last byte: JSON escapes them. */
function bodyOf(lines: Buffer, format: CourierConfiguration["format"]): Buffer {
  if (format === "json-lines") return lines;
  const body = Buffer.alloc(lines.length + 1, "[");
  lines.copy(body, 1);
  for (let at = body.indexOf(0x0a); at !== -1; at = body.indexOf(0x0a, at + 1)) body[at] = COMMA;
  body.write("]", body.length - 1);
  return body;
}

const COMMA = 0x2c;
