import { asksStatus, endsShell, exitGiven, statusSaid } from "./command-status.ts";
import { ShellDirectory } from "./shell-directory.ts";
import type { ShellLine } from "./shell-line.ts";
import { asksForMore, isOfProgram } from "./shell-prompt.ts";
import { readShell } from "./shell-words.ts";

/** What a shell was told, and how it went. */
export type ShellTold =
  | {
      readonly kind: "command";
      /** Counted from 1 in its channel. */
      readonly number: number;
      /** Lines of one command are joined by line feeds. One character per byte. */
      readonly text: string;
      readonly exact: boolean;
      /** When its first line was entered. */
      readonly startedAt: bigint;
      readonly directory?: string;
    }
  | { readonly kind: "typed"; readonly text: string; readonly hidden: boolean; readonly enteredAt: bigint }
  | CommandOver;

interface CommandOver {
  readonly kind: "command-ended";
  readonly number: number;
  readonly text: string;
  readonly startedAt: bigint;
  readonly exitStatus?: number;
}

interface Given {
  readonly number: number;
  readonly text: string;
  readonly startedAt: bigint;
  /** The first and the last line that it printed. */
  said: string[];
}

/**
 * Makes commands of the lines that one channel's shell was given: those of one command (a here-document, a loop, an open quote) are
 * joined, those of a paste are parted. Follows the working directory, and says when commands ended and with what, where that shows.
 */
export class ShellCommands {
  #number = 0;
  /** Lines of a command that is not whole yet. */
  #pending: string[] = [];
  #size = 0;
  /** Characters of all lines, and those that were read again and again to see whether a command is whole. */
  #entered = 0;
  #work = 0;
  #exact = true;
  #startedAt = 0n;
  /** Only this ends the here-document that the last line stands in. */
  #delimiter: string | undefined;
  #running: Given | undefined;
  #request: Given | undefined;
  /** The command before, as long as its status is the shell's last. */
  #last: Given | undefined;
  #hasPrompts = false;
  /** A program with prompts of its own reads. */
  #isProgram = false;
  readonly #directory = new ShellDirectory();
  #told: ShellTold[] = [];

  /** What a terminal told; answers whether more is wanted of a command. @param at nanoseconds since the session's start. */
  line(line: ShellLine, at: bigint): boolean {
    switch (line.kind) {
      case "entered":
        if (line.within === true) this.#command(line.text, false, at, false);
        else if (this.#isProgram && !this.#isPending)
          this.#told.push({ kind: "typed", text: line.text, hidden: false, enteredAt: at });
        else this.entered(line.text, line.exact, at);
        break;
      case "typed":
        this.#told.push({ kind: "typed", text: line.text, hidden: line.hidden, enteredAt: line.enteredAt });
        break;
      case "prompt":
        this.#prompt(line.text);
        break;
      case "output":
        if (this.#running !== undefined) this.#running.said = [this.#running.said[0] ?? line.text, line.text];
        break;
      case "interrupted":
        this.#forget();
        this.#last = undefined;
        break;
      default:
        line satisfies never;
    }
    return this.#isPending;
  }

  /** Lines that a shell reads, one or several. */
  entered(text: string, exact: boolean, at: bigint): void {
    for (const line of text.split("\n")) this.#line(line, exact, at);
  }

  /** The whole command of an exec request: it runs from the home, and ends with its channel. */
  asked(text: string, at: bigint): void {
    this.#command(text, true, at, true);
    this.#request = this.#running;
    this.#running = undefined;
  }

  /** @param exitStatus of the channel. */
  end(exitStatus: number | undefined): void {
    this.wholeAsItIs();
    const running = this.#running;
    this.#running = undefined;
    const given = running === undefined ? undefined : exitGiven(running.text);
    // At a terminal a shell that ends under a command was ended itself, by a hang-up for one.
    const isItsOwn = running !== undefined && (!this.#hasPrompts || endsShell(running.text));
    // Lines that were sent ahead to a shell without prompts may never have been read.
    const isRead = this.#hasPrompts || given === undefined || given === exitStatus;
    const status = isRead ? (given ?? (isItsOwn ? exitStatus : undefined)) : undefined;
    if (running !== undefined && status !== undefined) this.#over(running, status);
    const isOfLast = running === undefined || (endsShell(running.text) && given === undefined);
    if (isOfLast && this.#last !== undefined && exitStatus !== undefined) this.#over(this.#last, exitStatus);
    this.#last = undefined;
    if (this.#request !== undefined && exitStatus !== undefined) this.#over(this.#request, exitStatus);
    this.#request = undefined;
  }

  /** No more lines will come: what there is of a command is one. */
  wholeAsItIs(): void {
    if (this.#isPending) this.#whole(false);
  }

  take(): ShellTold[] {
    return this.#told.length === 0 ? NOTHING : this.#told.splice(0);
  }

  get #isPending(): boolean {
    return this.#pending.length > 0;
  }

  #line(line: string, exact: boolean, at: bigint): void {
    if (!this.#isPending) {
      if (line.trim() === "") return;
      this.#startedAt = at;
    }
    this.#pending.push(line);
    this.#size += line.length + 1;
    this.#entered += line.length + 1;
    this.#exact &&= exact;
    if (this.#goesOn(line) && this.#size <= LONGEST_COMMAND) return;
    this.#work += this.#size;
    const isTooMuch = this.#size > LONGEST_COMMAND || this.#work > LEAST_WORK + this.#entered * MOST_READINGS;
    const read = isTooMuch ? undefined : readShell(this.#pending.join("\n"));
    this.#delimiter = read?.delimiter;
    if (read?.open !== true) this.#whole(!isTooMuch);
  }

  /** Seen without reading all of it again: it is in a here-document, or the line's end is escaped. */
  #goesOn(line: string): boolean {
    if (this.#delimiter !== undefined) return line.trimStart() !== this.#delimiter;
    let end = line.length;
    while (line[end - 1] === "\\") end--;
    return (line.length - end) % 2 === 1;
  }

  #whole(isWhole: boolean): void {
    const text = this.#pending.join("\n");
    const exact = this.#exact && isWhole;
    const at = this.#startedAt;
    this.#forget();
    this.#command(text, exact, at, true);
  }

  #command(text: string, exact: boolean, startedAt: bigint, runs: boolean): void {
    const number = ++this.#number;
    if (this.#running !== undefined && runs) {
      // Pasted together with the one before: nothing tells when that ended.
      this.#directory.ran(this.#running.text, undefined);
      this.#running = undefined;
      this.#last = undefined;
    }
    const { current } = this.#directory;
    this.#told.push({
      kind: "command",
      number,
      text,
      exact,
      startedAt,
      ...(current === undefined || !runs ? {} : { directory: current }),
    });
    if (runs) this.#running = { number, text, startedAt, said: [] };
  }

  #prompt(text: string): void {
    this.#hasPrompts = true;
    if (this.#isPending) {
      if (asksForMore(text)) return;
      this.#whole(true); // the shell saw it as whole
    }
    this.#isProgram = isOfProgram(text);
    if (this.#isProgram) return;
    const running = this.#running;
    if (running !== undefined) this.#ended(running);
    this.#directory.prompt(text);
  }

  #ended(running: Given): void {
    this.#running = undefined;
    this.#directory.ran(running.text, running.said);
    const [first = "", last = ""] = running.said;
    if (
      asksStatus(running.text) &&
      this.#last !== undefined &&
      /^\d{1,3}$/.test(first) &&
      Number(first) < 256
    )
      this.#over(this.#last, Number(first));
    this.#over(running, exitGiven(running.text) ?? statusSaid(running.text, last));
    this.#last = endsShell(running.text) ? undefined : running;
  }

  #over({ number, text, startedAt }: Given, exitStatus: number | undefined): void {
    this.#told.push({
      kind: "command-ended",
      number,
      text,
      startedAt,
      ...(exitStatus === undefined ? {} : { exitStatus }),
    });
  }

  #forget(): void {
    this.#pending = [];
    this.#size = 0;
    this.#exact = true;
    this.#delimiter = undefined;
  }
}

const LONGEST_COMMAND = 1024 * 1024;
/** Who has that much read again is no person. */
const LEAST_WORK = 1024 * 1024;
const MOST_READINGS = 16;
const NOTHING: ShellTold[] = [];
