import { LIMITS, type Rhythm } from "./client-typist.ts";

/** Measures of one kind that are kept of a session; the first of them tell. */
const MOST_MEASURES = 2000;
/** Milliseconds. A longer pause is one between two thoughts, not between two keys. */
const LONGEST_INTERVAL = 2000;

/** Gathers how keys and lines came, over all terminals of a session, in bounded memory. */
export class KeysObserver {
  readonly #terminals = new Map<number, Terminal>();
  readonly #intervals: number[] = [];
  readonly #linePauses: number[] = [];
  readonly #wholeLinePauses: number[] = [];
  readonly #gaps: number[] = [];
  #counts = { keys: 0, corrections: 0, editingKeys: 0, wholeLines: 0, pastes: 0, markedPastes: 0 };

  /** A shell was started in a terminal. */
  begin(channel: number): void {
    if (this.#terminals.size < MOST_TERMINALS) this.#terminals.set(channel, { pasting: false });
  }

  watches(channel: number): boolean {
    return this.#terminals.has(channel);
  }

  /** @param at milliseconds. */
  output(channel: number, at: number): void {
    const terminal = this.#terminals.get(channel);
    if (terminal !== undefined) terminal.shown = at;
  }

  /** What one packet brought. @param at milliseconds. */
  input(channel: number, at: number, data: Buffer): void {
    const terminal = this.#terminals.get(channel);
    if (terminal === undefined || data.length === 0) return;
    const text = data.toString("latin1", 0, MOST_LOOKED_AT);
    if (isReport(text)) return;
    if (terminal.pasting || text.includes(PASTE_BEGINS)) this.#paste(terminal, text);
    else if (isKey(text)) this.#key(terminal, at, text);
    else if (/[\r\n]/.test(text)) this.#wholeLines(terminal, at, text);
    // Two or three keys of one packet were typed while the network slept.
    else if (text.length <= 3) this.#counts.keys += text.length;
    else this.#counts.pastes++;
    terminal.key = isKey(text) ? text : undefined;
    terminal.sent = at;
  }

  get rhythm(): Rhythm {
    const intervals = this.#intervals.length < LIMITS.fewestIntervals ? [] : this.#intervals;
    const gaps = this.#gaps.length < 2 ? [] : this.#gaps;
    return {
      ...this.#counts,
      ...(intervals.length === 0 ? {} : { median: median(intervals), spread: spread(intervals) }),
      ...(this.#linePauses.length === 0 ? {} : { pauseBeforeLine: median(this.#linePauses) }),
      ...(this.#wholeLinePauses.length < LIMITS.fewestWholeLines
        ? {}
        : { pauseBeforeWholeLine: median(this.#wholeLinePauses) }),
      ...(gaps.length === 0
        ? {}
        : { betweenWholeLines: { median: median(gaps), spread: spread(gaps), count: gaps.length } }),
    };
  }

  #paste(terminal: Terminal, text: string): void {
    if (text.includes(PASTE_BEGINS)) {
      this.#counts.pastes++;
      this.#counts.markedPastes++;
    }
    terminal.pasting = text.lastIndexOf(PASTE_ENDS) < text.lastIndexOf(PASTE_BEGINS);
    if (!text.includes(PASTE_BEGINS) && text.includes(PASTE_ENDS)) terminal.pasting = false;
  }

  #key({ key, sent, shown }: Terminal, at: number, text: string): void {
    this.#counts.keys++;
    if (CORRECTIONS.has(text)) this.#counts.corrections++;
    else if (EDITING.has(text) || (text.length > 1 && text.startsWith("\x1b"))) this.#counts.editingKeys++;
    if (key !== undefined && isEnd(key)) keep(this.#linePauses, at - Math.max(shown ?? 0, sent ?? 0));
    // A key that is held repeats as evenly as its keyboard does.
    else if (key !== undefined && sent !== undefined && !(key === text && !isPrinted(text)))
      if (at - sent < LONGEST_INTERVAL) keep(this.#intervals, at - sent);
  }

  #wholeLines(terminal: Terminal, at: number, text: string): void {
    this.#counts.wholeLines += text.match(/\r\n|[\r\n]/g)?.length ?? 0;
    const { shown, sent, line } = terminal;
    if (shown !== undefined && shown >= (sent ?? 0)) keep(this.#wholeLinePauses, at - shown);
    if (line !== undefined) keep(this.#gaps, at - line);
    terminal.line = at;
  }
}

interface Terminal {
  /** When something was shown, sent, and sent as a whole line, last. */
  shown?: number;
  sent?: number;
  line?: number;
  /** What came last, if it was a key. */
  key?: string | undefined;
  pasting: boolean;
}

const MOST_TERMINALS = 64;
/** Of one packet. */
const MOST_LOOKED_AT = 4096;
const PASTE_BEGINS = "\x1b[200~";
const PASTE_ENDS = "\x1b[201~";
const CORRECTIONS = new Set(["\x7f", "\b", "\x15", "\x17"]);
const EDITING = new Set(["\t", "\x01", "\x02", "\x05", "\x06", "\x0b", "\x0e", "\x10", "\x12", "\x19"]);

/** What a terminal says of itself when it is asked: its kind, the cursor's place, a mouse, focus. Nobody typed it. */
function isReport(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  return /^\x1b(?:\[[?>=<]?[\d;]*[cRnyMmtIO]|[\]P_^])/.test(text) || text.startsWith("\x1b[M");
}

/** One character, in UTF-8 of up to four bytes, or one of the keys that send an escape sequence. */
function isKey(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  return /^(?:[^\x80-\xff]|[\xc2-\xf4][\x80-\xbf]{1,3}|\x1b(?:\[[\d;]*[A-Z~]|O[A-Za-z]|[^[O])|\r\n)$/.test(
    text,
  );
}

function isEnd(text: string): boolean {
  return text === "\r" || text === "\n" || text === "\r\n";
}

function isPrinted(text: string): boolean {
  return text >= " " && text !== "\x7f";
}

function keep(measures: number[], measure: number): void {
  if (measures.length < MOST_MEASURES) measures.push(Math.max(0, measure));
}

/** Of a list that is not empty. */
export function median(measures: readonly number[]): number {
  return quantile(measures, 0.5);
}

function spread(measures: readonly number[]): number {
  const middle = median(measures);
  return middle === 0 ? 0 : (quantile(measures, 0.75) - quantile(measures, 0.25)) / middle;
}

function quantile(measures: readonly number[], share: number): number {
  const sorted = measures.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
