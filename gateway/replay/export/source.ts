import type { SessionOpened } from "../../model/entries.ts";
import { MitsubakoError } from "../../model/errors.ts";
import { RecordingDamaged } from "../../recording/damage.ts";
import { readEntries, type RecordedEntry } from "../../recording/reader.ts";

/**
 * A recording to export from. Entries end where its bytes can no longer be trusted, so that a format ends in order there too;
 * `damage` and `cut` say afterwards how it was.
 */
export class Source {
  readonly path: string;
  readonly opened: SessionOpened;
  readonly signal: AbortSignal;
  damage: RecordingDamaged | undefined;
  /** The session did not end in order, or still lives. */
  cut = false;

  private constructor(path: string, opened: SessionOpened, signal: AbortSignal) {
    this.path = path;
    this.opened = opened;
    this.signal = signal;
  }

  /** Rejects with `recording-damaged` when not even the first fact can be read. */
  static async open(path: string, signal: AbortSignal): Promise<Source> {
    for await (const entry of readEntries(path, { signal })) {
      if (entry.type === "fact" && entry.fact.kind === "session-opened")
        return new Source(path, entry.fact, signal);
      break;
    }
    throw new MitsubakoError("recording-damaged", `${path} does not begin with its session's facts.`);
  }

  /** @param range offsets of the first entry, and of the last one wanted. */
  async *entries(
    range: { readonly from?: number; readonly to?: number } = {},
  ): AsyncGenerator<RecordedEntry> {
    const entries = readEntries(this.path, {
      signal: this.signal,
      ...(range.from === undefined ? {} : { from: range.from }),
    });
    try {
      for await (const entry of entries) {
        yield entry;
        // What stands after it, damage even, is no concern of this export's.
        if (entry.offset >= (range.to ?? Infinity)) return;
      }
    } catch (error) {
      if (!(error instanceof RecordingDamaged)) throw error;
      this.damage = error;
      return;
    }
    this.cut = entries.tail?.cut ?? this.cut;
  }
}
