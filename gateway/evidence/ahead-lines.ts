import { LONGEST_SHOWN } from "./echo-line.ts";
import type { EditedLine } from "./edited-line.ts";
import type { ShellLine } from "./shell-line.ts";

/** A line entered while no prompt was there. */
export interface AheadLine {
  readonly line: Extract<ShellLine, { kind: "typed" }>;
  /** read: as many prompts came, without any more keys, as lines from this one on; or it was sent before the first prompt. */
  readonly contested: "read" | "unknown";
}

interface Waiting {
  readonly line: EditedLine;
  /** What was sent back since its first key, and a little after it. */
  echo: string;
  readonly isSecret: boolean;
  readonly isEarly: boolean;
  readonly enteredAt: bigint;
}

/** Lines sent ahead, in their order, until it is seen who read them. Bounded. */
export class AheadLines {
  #waiting: Waiting[] = [];
  #size = 0;
  /** Of the line that is being typed. */
  #echo = "";
  #isTyping = false;
  /** A password was asked for. */
  #isSecret = false;
  /** Plain prompts since the first that came after these lines; -1: none yet. */
  #prompts = -1;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** The first key of a line comes. @param shown what stands on the terminal's line. */
  begins(shown: string): void {
    this.#isSecret = ASKS_SECRET.test(shown.slice(-LONGEST_QUESTION));
    this.#echo = "";
    this.#isTyping = true;
  }

  /** False: there are too many, they have to be given out. @param isEarly no prompt has come yet: it is for the shell that will start. */
  push(line: EditedLine, isEarly: boolean, enteredAt: bigint): boolean {
    this.#waiting.push({ line, echo: this.#echo, isSecret: this.#isSecret, isEarly, enteredAt });
    this.#size += line.text.length;
    this.#echo = "";
    this.#isTyping = false;
    return this.#waiting.length < MOST_LINES && this.#size < MOST_TEXT;
  }

  /** A byte that the terminal shows. */
  echoed(byte: number): void {
    if (this.#isTyping && this.#echo.length < MOST_ECHO) this.#echo += String.fromCharCode(byte);
    for (let index = Math.max(0, this.#waiting.length - RECENT); index < this.#waiting.length; index++) {
      const one = this.#waiting[index];
      if (one !== undefined && one.echo.length < MOST_ECHO) one.echo += String.fromCharCode(byte);
    }
  }

  /** A plain prompt came, so some of them may have been read by it. */
  promptSeen(): void {
    if (this.#waiting.length > 0) this.#prompts++;
  }

  takeFirst(): AheadLine | undefined {
    const first = this.#waiting.shift();
    if (first === undefined) return undefined;
    this.#size -= first.line.text.length;
    return told(first, false);
  }

  takeAll(): AheadLine[] {
    const from = this.#prompts > 0 ? this.#waiting.length - this.#prompts : Infinity;
    this.#prompts = -1;
    this.#size = 0;
    return this.#waiting.splice(0).map((one, index) => told(one, one.isEarly || index >= from));
  }

  /** A plain prompt came after them: what it read of them it had read when new keys come. */
  get isContested(): boolean {
    return this.#prompts >= 0;
  }

  /**
   * The line that readline shows, and those before it, which something else has read.
   *
   * @param prompt the last one known.
   */
  takeShown(
    shown: string,
    prompt: string,
  ): { text: string; exact: boolean; prompt: string; before: AheadLine[] } | undefined {
    const trimmed = shown.trimEnd();
    const index = this.#waiting.findIndex(
      ({ line }) => !line.unresolved && isShown(line.text.trimEnd(), trimmed),
    );
    const found = this.#waiting[index]?.line;
    if (found === undefined) {
      const [first] = this.#waiting;
      // Completed by a Tab that was sent ahead.
      if (first?.line.unresolved !== true || prompt === "" || !trimmed.startsWith(prompt)) return undefined;
      this.takeFirst();
      return { text: trimmed.slice(prompt.length).trim(), exact: false, prompt, before: [] };
    }
    const taken = this.#waiting.splice(0, index + 1);
    for (const { line } of taken) this.#size -= line.text.length;
    const end = Math.max(0, trimmed.length - found.text.trimEnd().length);
    return {
      text: found.text,
      exact: !found.cut,
      prompt: trimmed.slice(0, end).trimEnd(),
      before: taken.slice(0, -1).map((one) => told(one, false)),
    };
  }
}

function told({ line, echo, isSecret, enteredAt }: Waiting, isRead: boolean): AheadLine {
  const beginning = line.text.slice(0, TELLING);
  const isEchoed = isSecret ? echo.startsWith(beginning) : echo.includes(beginning);
  const hidden = line.text !== "" && !isEchoed;
  return {
    line: { kind: "typed", text: line.text, hidden, enteredAt },
    contested: isRead ? "read" : "unknown",
  };
}

/** An empty line leaves its prompt alone. A very long one is not on the screen whole. */
function isShown(text: string, shown: string): boolean {
  if (text === "") return /[$#%>]\s*$/.test(shown);
  return text.length > LONGEST_SHOWN / 2
    ? shown.includes(text.slice(0, LONGEST_SHOWN / 4))
    : shown.endsWith(text);
}

const MOST_LINES = 4096;
const MOST_TEXT = 1024 * 1024;
const MOST_ECHO = 1024;
/** Lines whose echo may still come. */
const RECENT = 4;
/** Characters by which a line is known in its echo; later ones may have been corrected. */
const TELLING = 3;
const ASKS_SECRET = /(?:pass(?:word|phrase|code)|\bPIN\b|secret|verification code)[^:]*: ?$/i;
const LONGEST_QUESTION = 256;
