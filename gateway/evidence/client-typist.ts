/** How keys and lines came in a session's terminals. Times are milliseconds, as the gateway saw them. */
export interface Rhythm {
  /** Keys that came alone, Enter among them. */
  readonly keys: number;
  /** Between two keys of one line, pauses of two seconds and more left out. */
  readonly median?: number;
  /** What lies between the quarters of these, as a share of their median: 0 is a metronome. */
  readonly spread?: number;
  /** From the last thing shown to the first key of a line. */
  readonly pauseBeforeLine?: number;
  /** Backspace, Ctrl-U, Ctrl-W. */
  readonly corrections: number;
  /** Tab, arrows, Ctrl-R, Ctrl-A and the like. */
  readonly editingKeys: number;
  /** Lines that came with their end in one packet. */
  readonly wholeLines: number;
  /** From the last thing shown to a whole line. */
  readonly pauseBeforeWholeLine?: number;
  /** From one whole line to the next: their median, and their spread as above. */
  readonly betweenWholeLines?: { readonly median: number; readonly spread: number; readonly count: number };
  /** Marked as pasted by their terminal, or several characters at once without an end of line. */
  readonly pastes: number;
  readonly markedPastes: number;
}

export type Typist = "human" | "machine" | "unknown";

/** Every rule by which a typist is judged; the first that holds decides. A word never changes its meaning. */
export const TYPIST_RULES = {
  "nothing-typed": { typist: "unknown", says: "no shell in a terminal was typed into" },
  "faster-than-fingers": { typist: "machine", says: "keys came faster than anybody types" },
  "even-rhythm": { typist: "machine", says: "keys came as evenly as no hand's" },
  "uneven-rhythm": {
    typist: "human",
    says: "keys came one by one, unevenly, with corrections or with pauses to think",
  },
  "unclear-rhythm": { typist: "unknown", says: "the rhythm of the keys fits a hand and a program" },
  "marked-paste": { typist: "human", says: "a terminal on their side marked what was pasted into it" },
  "answers-at-once": {
    typist: "machine",
    says: "whole lines came sooner after the prompt than anybody acts",
  },
  "even-lines": { typist: "machine", says: "whole lines came at even intervals" },
  "whole-lines": { typist: "unknown", says: "whole lines came at once: pasted or scripted" },
  "too-few-keys": { typist: "unknown", says: "too few keys to tell" },
} as const satisfies Record<string, { typist: Typist; says: string }>;

export type TypistRule = keyof typeof TYPIST_RULES;

export const LIMITS = {
  /** Intervals between keys that a judgement by rhythm needs. */
  fewestIntervals: 20,
  /** Below this median nobody types: 200 words a minute are 60 ms. */
  fastestFingers: 25,
  /** Spread below which it is a program's, and from which it can be a hand's. */
  evenSpread: 0.25,
  unevenSpread: 0.35,
  /** Fastest median of a hand. */
  fastestHand: 40,
  /** The pause before a line, in medians of the keys' intervals, that is one to think. */
  thinkingPause: 2,
  fewestWholeLines: 3,
  /** A person who saw the prompt acts no sooner than this. */
  soonestAct: 300,
  fewestGaps: 4,
  evenGaps: 0.1,
} as const;

/** Which rule holds. A program that imitates a hand's rhythm passes for one; nothing in the stream tells it apart. */
export function judgeTypist(rhythm: Rhythm): TypistRule {
  const { keys, median, spread, wholeLines, pastes, markedPastes } = rhythm;
  if (keys === 0 && wholeLines === 0 && pastes === 0) return "nothing-typed";
  if (median !== undefined && spread !== undefined) {
    if (median < LIMITS.fastestFingers) return "faster-than-fingers";
    if (spread < LIMITS.evenSpread) return "even-rhythm";
    const uneven = spread >= LIMITS.unevenSpread && median >= LIMITS.fastestHand;
    return uneven && actsLikeAPerson(rhythm, median) ? "uneven-rhythm" : "unclear-rhythm";
  }
  if (markedPastes > 0) return "marked-paste";
  if (wholeLines >= LIMITS.fewestWholeLines && keys < wholeLines) {
    const { pauseBeforeWholeLine, betweenWholeLines } = rhythm;
    if (pauseBeforeWholeLine !== undefined && pauseBeforeWholeLine < LIMITS.soonestAct)
      return "answers-at-once";
    if (
      betweenWholeLines !== undefined &&
      betweenWholeLines.count >= LIMITS.fewestGaps &&
      betweenWholeLines.spread < LIMITS.evenGaps
    )
      return "even-lines";
  }
  return wholeLines > 0 && keys < wholeLines ? "whole-lines" : "too-few-keys";
}

function actsLikeAPerson({ corrections, editingKeys, pauseBeforeLine }: Rhythm, median: number): boolean {
  if (corrections + editingKeys > 0) return true;
  return pauseBeforeLine !== undefined && pauseBeforeLine >= LIMITS.thinkingPause * median;
}
