import { AheadLines } from "./ahead-lines.ts";
import { commandShown } from "./command-shown.ts";
import { EchoLine } from "./echo-line.ts";
import { expandsHistory, failsToExpand, isExpansionOf } from "./history-expansion.ts";
import { opensTerminals } from "./exec-kind.ts";
import type { EditedLine } from "./edited-line.ts";
import { LineEditor } from "./line-editor.ts";
import type { ShellLine } from "./shell-line.ts";
import { withoutAnswers } from "./terminal-answers.ts";
import { promptStartIn } from "./shell-prompt.ts";

/**
 * Finds the lines entered in a terminal channel, from both directions of its stream.
 *
 * How: keys are applied to a line as readline does. bash (readline 8.1 and later, zsh too) switches bracketed paste on when
 * it starts to read a line and off when it has one, so its prompts are told exactly; the text that keys alone do not
 * tell (history, completion, search) is read from what the shell echoed. Lines sent ahead are kept until a prompt takes them.
 * Approximate: shells without bracketed paste (dash, busybox, TERM=dumb) are known by a line that ends in `$ `, `# `, `% ` or `> `;
 * what a program reads there may be taken for a command.
 */
export class ShellLines {
  readonly #editor = new LineEditor();
  readonly #screen: EchoLine;
  /** Told each line at once; answers whether the shell wants more of the same command. */
  readonly #tell: (line: ShellLine) => boolean;
  readonly #ahead = new AheadLines();
  /** none seen yet; `editing`: readline reads; `plain`: something that looks like a prompt stands on the line; `busy`: a program runs. */
  #mode: "none" | "editing" | "plain" | "busy" = "none";
  /** The present prompt already got its line. */
  #taken = false;
  /** Where the prompt began on its line: output without a line's end may stand before it. */
  #promptStart = 0;
  /** The same, of the line that was completed last. */
  #completedStart = 0;
  /** Where the prompt ended on the screen when the first key of the line came. */
  #promptEnd = 0;
  #prompt = "";
  #promptTold = false;
  /** Lines that were over while readline read: a completion's list, or the rows of a command of several lines. */
  #rows: string[] = [];
  /** A line of which the echo has to tell the text (or, at a plain prompt, agree to it). */
  #awaited: EditedLine | undefined;
  /** A line that the shell says anew, when it has put in what it stands for (`!!`). */
  #expanding: string | undefined;
  /** Part of a line was typed before the prompt came: a program may have read it. */
  #isLeftover = false;
  #wantsMore = false;
  /** The shell is one that shows what was sent ahead when it reads it. */
  #showsAhead = true;
  /** Runs terminals of its own on the other screen. */
  #isMultiplexer = false;
  #at = 0n;

  constructor(columns: number, tell: (line: ShellLine) => boolean) {
    this.#screen = new EchoLine(columns);
    this.#tell = tell;
  }

  resize(columns: number): void {
    this.#screen.resize(columns);
  }

  /** @param at nanoseconds since the session's start. */
  input(bytes: Uint8Array, at: bigint): void {
    this.#at = at;
    if (this.#screen.alternateScreen && !this.#isMultiplexer) return; // keys of a full-screen program
    for (const byte of this.#screen.alternateScreen ? withoutAnswers(bytes) : bytes) {
      if (this.#isLeftover) this.#checkLeftover();
      if (this.#editor.untouched) this.#lineBegins();
      const line = this.#editor.key(byte);
      if (line !== undefined) this.#finished(line);
    }
  }

  output(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte >= 0x20) this.#ahead.echoed(byte);
      switch (this.#screen.output(byte)) {
        case "paste-on":
          if (!this.#screen.alternateScreen) this.#reads();
          break;
        case "paste-off":
          if (this.#mode === "editing") this.#accepted();
          break;
        case "screen":
          this.#mode = "busy";
          this.#editor.forget();
          break;
        case "line":
          if (!this.#screen.alternateScreen) this.#lineOver();
          break;
        default:
      }
    }
    if (!this.#screen.alternateScreen) this.#outputRests();
  }

  /** The channel is over: what is left is said as well as it is known. */
  end(): void {
    if (this.#awaited !== undefined) this.#echoed(this.#shownLine());
    if (this.#expanding !== undefined) this.#enter(this.#expanding, false);
    this.#giveAhead(this.#mode === "none" ? "entered" : "typed");
  }

  get #isAtPrompt(): boolean {
    return !this.#taken && (this.#mode === "editing" || this.#mode === "plain");
  }

  #lineBegins(): void {
    this.#promptEnd = this.#screen.cursor;
    if (this.#isAtPrompt) {
      this.#tellPrompt();
      if (this.#ahead.isContested) this.#giveAhead("typed");
    } else this.#ahead.begins(this.#screen.written);
  }

  /** readline begins to read. */
  #reads(): void {
    // It would have said the line anew, had it put something in.
    if (this.#expanding !== undefined) this.#enter(this.#expanding, true);
    this.#expanding = undefined;
    this.#mode = "editing";
    // zsh switches it on after its prompt, bash before.
    this.#promptStart = this.#screen.looksLikePrompt ? 0 : this.#screen.cursor;
    this.#rows = [];
    this.#showsAhead = true;
    this.#taken = false;
    this.#promptTold = false;
    this.#isLeftover = !this.#editor.untouched;
  }

  /** readline shows again what it finds typed ahead; what some program read is gone. */
  #checkLeftover(): void {
    this.#isLeftover = false;
    if (this.#mode !== "editing") return;
    const typed = this.#editor.typed;
    const shown = this.#shownLine();
    if (typed === undefined || !shown.endsWith(typed)) this.#editor.forget();
    else {
      this.#promptEnd = this.#screen.cursor - typed.length;
      this.#tellPrompt(shown.slice(0, shown.length - typed.length).trimEnd());
    }
  }

  #finished(line: EditedLine): void {
    if (line.how === "abandoned") this.#abandoned();
    if (line.how !== "entered") return;
    if (this.#screen.alternateScreen) {
      if (line.text.trim() !== "" && !line.unresolved)
        this.#tell({ kind: "entered", text: line.text, exact: false, prompt: "", within: true });
      return;
    }
    if (this.#wantsMore && !this.#showsAhead && !this.#isAtPrompt && this.#awaited === undefined) {
      this.#enter(line.text, false);
      return;
    }
    if (!this.#isAtPrompt || (this.#mode === "editing" && !line.unresolved && !this.#ahead.isEmpty)) {
      // Which of these lines the prompt takes is seen when it has taken it.
      if (!this.#ahead.push(line, this.#mode === "none", this.#at))
        this.#giveAhead(this.#mode === "none" ? "entered" : "typed");
      return;
    }
    this.#taken = true;
    if (this.#mode === "plain" || line.unresolved) {
      this.#giveAhead("typed");
      this.#awaited = line;
    } else if (expandsHistory(line.text)) this.#expanding = line.text;
    else this.#enter(line.text, !line.cut);
  }

  #abandoned(): void {
    const wasAtPrompt = this.#isAtPrompt;
    this.#giveAhead("typed"); // a program read it, or the terminal dropped it
    this.#wantsMore = false;
    if (!wasAtPrompt) return;
    if (this.#mode === "editing") this.#taken = true;
    this.#tell({ kind: "interrupted" });
  }

  /** readline has a line: one whose text was awaited, or one that was sent ahead. */
  #accepted(): void {
    if (this.#awaited !== undefined) this.#echoed(this.#shownLine());
    else if (
      !this.#taken &&
      this.#ahead.isEmpty &&
      !this.#editor.untouched &&
      this.#editor.typed === undefined
    ) {
      // Entered by a key of readline's own (operate-and-get-next, insert-comment).
      this.#awaited = { ...this.#editor.forget(), unresolved: true };
      this.#echoed(this.#shownLine());
    } else if (!this.#taken) this.#matchAhead();
    this.#mode = "busy";
    this.#isLeftover = false;
  }

  #matchAhead(): void {
    const shown = this.#shownLine();
    const found = this.#ahead.takeShown(shown, this.#prompt);
    if (found === undefined) {
      this.#tellPrompt();
      return;
    }
    for (const { line } of found.before) this.#tell(line);
    this.#tellPrompt(found.prompt);
    if (expandsHistory(found.text)) this.#expanding = found.text;
    else this.#enter(found.text, found.exact);
  }

  #lineOver(): void {
    if (this.#expanding !== undefined && this.#mode === "busy") {
      const { completed } = this.#screen;
      const typed = this.#expanding;
      this.#expanding = undefined;
      if (isExpansionOf(typed, completed)) {
        this.#enter(completed, false);
        return;
      }
      // The shell had nothing to put in, and read no command.
      if (!failsToExpand(completed)) this.#enter(typed, false);
    }
    this.#completedStart = this.#promptStart;
    this.#promptStart = 0;
    if (this.#mode === "editing" && this.#rows.length < MOST_ROWS) this.#rows.push(this.#shownLine());
    if (this.#mode === "plain") {
      if (this.#awaited !== undefined) this.#echoed(this.#shownLine());
      this.#mode = "busy";
    } else if (this.#mode !== "editing") {
      const completed = this.#screen.completedTo(LONGEST_OUTPUT);
      if (this.#prompt !== "" && completed.startsWith(this.#prompt)) this.#ahead.promptSeen();
      this.#tell({ kind: "output", text: completed.trimEnd() });
    }
  }

  /** Output came, and no more for now. */
  #outputRests(): void {
    if (this.#mode === "editing") {
      if (!this.#taken && !this.#screen.isEmpty && this.#editor.untouched) this.#tellPrompt();
      return;
    }
    if (this.#mode === "plain" || !this.#screen.looksLikePrompt) return;
    this.#mode = "plain";
    this.#rows = [];
    this.#promptStart = promptStartIn(this.#screen.text, this.#wantsMore ? ">" : "", this.#prompt);
    this.#showsAhead = false;
    this.#taken = false;
    this.#promptTold = false;
    this.#ahead.promptSeen();
    this.#tellPrompt();
  }

  #tellPrompt(text = this.#shownLine().trimEnd()): void {
    if (this.#promptTold && text === this.#prompt) return;
    this.#promptTold = true;
    this.#prompt = text;
    this.#wantsMore = this.#tell({ kind: "prompt", text });
  }

  /** @param shown the line as the shell echoed it. */
  #echoed(shown: string): void {
    const awaited = this.#awaited;
    this.#awaited = undefined;
    if (awaited === undefined) return;
    const rows = this.#screen.isEmpty ? this.#rows.slice(0, -1) : this.#rows;
    const text = commandShown(this.#prompt, this.#promptEnd - this.#shownStart, rows, shown);
    const agrees = !awaited.unresolved && text === awaited.text.trimEnd();
    // A line editor that scrolls sideways, or a prompt that came late, shows less than was typed.
    const isKeys = agrees || (!awaited.unresolved && !awaited.moved);
    const entered = isKeys ? awaited.text : text;
    if (this.#showsAhead && expandsHistory(entered)) this.#expanding = entered;
    else this.#enter(entered, agrees && !awaited.cut);
    // A plain prompt says nothing of the lines that its command goes on with, if they were there already.
    while (this.#wantsMore && !this.#showsAhead && !this.#ahead.isEmpty)
      this.#enter(this.#ahead.takeFirst()?.line.text ?? "", false);
  }

  /** The line that was entered: the shell has sent the line's end by now, or stands on it still. */
  #shownLine(): string {
    return (this.#screen.isEmpty ? this.#screen.completed : this.#screen.written).slice(this.#shownStart);
  }

  get #shownStart(): number {
    return this.#screen.isEmpty ? this.#completedStart : this.#promptStart;
  }

  #giveAhead(kind: "entered" | "typed"): void {
    for (const { line, contested } of this.#ahead.takeAll())
      if (kind === "entered" || contested === "read") this.#enter(line.text, false);
      else this.#tell(line);
  }

  #enter(text: string, exact: boolean): void {
    if (text === "" && !this.#wantsMore) return;
    this.#isMultiplexer = opensTerminals(text);
    this.#wantsMore = this.#tell({ kind: "entered", text, exact, prompt: this.#prompt });
  }
}

const LONGEST_OUTPUT = 512;
const MOST_ROWS = 256;
