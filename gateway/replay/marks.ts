import type { ByteString } from "../model/bytes.ts";
import { SessionObserver } from "../evidence/session-observer.ts";
import { RecordingDamaged } from "../recording/damage.ts";
import { readEntries } from "../recording/reader.ts";
import { openSource } from "../recording/source.ts";
import type { Hit } from "./search.ts";
import type { Whereabouts } from "./whereabouts.ts";

/** A command that was given on a channel. */
export interface Mark extends Pick<Hit, "at" | "offset"> {
  readonly channel: number;
  readonly text: ByteString;
}

/** Commands that are known at once; a session that has more is looked through up to here. */
const MOST_MARKS = 50_000;
const MOST_TEXT = 400;

/** The commands of a recording: by the index of a sealed one, else found as it is read on. */
export class Marks {
  readonly #recording: Whereabouts;
  readonly #marks: Mark[] = [];
  readonly #observer = new SessionObserver();
  /** Of the last entry that was read. */
  #last = -1;
  #complete = false;

  constructor(recording: Whereabouts) {
    this.#recording = recording;
  }

  async after(channel: number, offset: number, signal: AbortSignal): Promise<Mark | undefined> {
    const isNext = (mark: Mark) => mark.channel === channel && mark.offset > offset;
    if (!this.#marks.some(isNext)) await this.#readOn(isNext, signal);
    return this.#marks.find(isNext);
  }

  async before(channel: number, offset: number, signal: AbortSignal): Promise<Mark | undefined> {
    if (this.#last < offset) await this.#readOn((mark) => mark.offset >= offset, signal, offset);
    return this.#marks.findLast((mark) => mark.channel === channel && mark.offset < offset);
  }

  async #readOn(enough: (mark: Mark) => boolean, signal: AbortSignal, upTo = Infinity): Promise<void> {
    if (this.#complete || (this.#last < 0 && (await this.#fromIndex()))) return;
    const path = await this.#recording.path();
    try {
      for await (const entry of readEntries(path, { from: Math.max(0, this.#last), signal })) {
        if (entry.offset <= this.#last) continue;
        this.#last = entry.offset;
        let isEnough = entry.offset >= upTo;
        for (const one of this.#observer.push(entry)) {
          if (one.kind !== "command") continue;
          const text = one.text.slice(0, MOST_TEXT) as ByteString;
          const mark = { at: one.at, offset: entry.offset, channel: one.channel, text };
          this.#marks.push(mark);
          isEnough ||= enough(mark);
        }
        if (this.#marks.length >= MOST_MARKS) this.#complete = true;
        if (isEnough || this.#complete) return;
      }
    } catch (error) {
      // What stands before the damage is known.
      if (!(error instanceof RecordingDamaged)) throw error;
      this.#complete = true;
    }
  }

  async #fromIndex(): Promise<boolean> {
    await using source = await openSource(await this.#recording.path());
    if (source.sealed === undefined) return false;
    for (const { kind, at, offset, channel, text } of source.sealed.index.markers)
      if (kind === "command") this.#marks.push({ at, offset, channel, text });
    this.#complete = true;
    return true;
  }
}
