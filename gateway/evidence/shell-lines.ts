import { EchoLine } from "./echo-line.ts";
import { LineEditor, type EditedLine } from "./line-editor.ts";

/** A line that an attacker entered in a shell channel. */
export interface ShellLine {
  /** command: it was given to a shell. typed: a program that ran in it read it (a password, a file's text). */
  readonly kind: "command" | "typed";
  /** One character per byte. */
  readonly text: string;
  /** False: read from the screen, or taken for a command without having seen the prompt. */
  readonly exact: boolean;
}

/**
 * Finds the lines entered in a terminal channel, from both directions of its stream.
 *
 * How: keys are applied to a line as readline does. bash (readline 8.1 and later, zsh too) switches bracketed paste on when
 * it starts to read a line and off when it has one, so prompts are told from programs exactly; the text that keys alone do not
 * tell (history, completion, search) is read from what the shell echoed. Lines sent ahead are kept until a prompt takes them.
 * Approximate: shells without bracketed paste (dash, TERM=dumb) are known by a line that ends in `$ `, `# `, `% ` or `> `;
 * what a program reads there may be taken for a command. Each line of a multi-line command is a line of its own.
 */
export class ShellLines {
  readonly #editor = new LineEditor();
  readonly #screen: EchoLine;
  /** none seen yet; `editing`: readline reads; `plain`: something that looks like a prompt stands on the line; `busy`: a program runs. */
  #prompt: "none" | "editing" | "plain" | "busy" = "none";
  /** The present prompt already got its line. */
  #taken = false;
  /** Where the prompt ended on the screen when the first key of the line came. */
  #promptEnd = 0;
  #lastPrompt = "";
  #awaitingEcho = false;
  /** Lines entered while no prompt was there. */
  #ahead: EditedLine[] = [];
  readonly #blank: boolean;
  #out: ShellLine[] = [];

  /** @param options.blank tell empty lines too, which are part of a text that is typed. */
  constructor(columns: number, options: { readonly blank?: boolean } = {}) {
    this.#screen = new EchoLine(columns);
    this.#blank = options.blank === true;
  }

  resize(columns: number): void {
    this.#screen.resize(columns);
  }

  input(bytes: Uint8Array): ShellLine[] {
    for (const byte of bytes) {
      if (this.#screen.alternateScreen) continue; // keys of a full-screen program
      if (this.#editor.untouched) {
        this.#promptEnd = this.#screen.cursor;
        if (this.#isAtPrompt()) this.#lastPrompt = this.#screen.text;
      }
      const line = this.#editor.key(byte);
      if (line !== undefined) this.#finished(line);
    }
    return this.#take();
  }

  output(bytes: Uint8Array): ShellLine[] {
    for (const byte of bytes) {
      switch (this.#screen.output(byte)) {
        case "paste-on":
          if (this.#screen.alternateScreen) break;
          this.#prompt = "editing";
          this.#taken = false;
          break;
        case "paste-off":
          if (this.#prompt === "editing") this.#accepted();
          break;
        case "screen":
          this.#prompt = "busy";
          break;
        case "line":
          if (this.#prompt === "plain") {
            if (this.#awaitingEcho) this.#echoed();
            this.#prompt = "busy";
          }
          break;
        case undefined:
          break;
      }
    }
    if (
      (this.#prompt === "none" || this.#prompt === "busy") &&
      !this.#screen.alternateScreen &&
      this.#screen.looksLikePrompt
    ) {
      this.#prompt = "plain";
      this.#taken = false;
      this.#giveAhead("command");
    }
    return this.#take();
  }

  /** The channel is over: what is left is said as well as it is known. */
  end(): ShellLine[] {
    if (this.#awaitingEcho) this.#echoed();
    this.#giveAhead(this.#prompt === "none" ? "command" : "typed");
    return this.#take();
  }

  #isAtPrompt(): boolean {
    return !this.#taken && (this.#prompt === "editing" || this.#prompt === "plain");
  }

  #finished(line: EditedLine): void {
    if (line.how === "abandoned") {
      this.#ahead = []; // the tty drops what was typed ahead
      this.#taken = true;
      return;
    }
    if (line.how === "end-of-input") return;
    if (!this.#isAtPrompt()) {
      if (this.#tells(line.text)) this.#ahead.push(line);
      if (this.#ahead.length > MOST_AHEAD) this.#giveAhead(this.#prompt === "none" ? "command" : "typed");
      return;
    }
    if (this.#prompt === "editing") {
      if (!line.unresolved && this.#ahead.length > 0) {
        // Which of these lines this prompt takes is seen when it has taken it.
        if (this.#tells(line.text)) this.#ahead.push(line);
        return;
      }
      // A plain prompt, unlike this one, stays for the next line of a paste: nothing tells when such a shell reads again.
      this.#taken = true;
    }
    if (line.unresolved) {
      this.#giveAhead("typed");
      this.#awaitingEcho = true;
    } else if (this.#tells(line.text)) {
      this.#say("command", line.text, !line.cut && this.#prompt === "editing");
    }
  }

  /** readline has a line: one whose text was awaited, or one that was sent ahead. */
  #accepted(): void {
    if (this.#awaitingEcho) this.#echoed();
    else if (!this.#taken) this.#matchAhead();
    this.#prompt = "busy";
  }

  #matchAhead(): void {
    const shown = this.#shownLine();
    const index = this.#ahead.findIndex(
      (line) => !line.unresolved && this.#isShown(line.text.trimEnd(), shown),
    );
    const found = this.#ahead[index];
    if (found === undefined) return;
    for (const line of this.#ahead.splice(0, index + 1))
      this.#say(line === found ? "command" : "typed", line.text, line === found && !line.cut);
  }

  #echoed(): void {
    this.#awaitingEcho = false;
    const shown = this.#shownLine();
    const prompt = this.#lastPrompt;
    const text = shown.startsWith(prompt) ? shown.slice(Math.max(prompt.length, this.#promptEnd)) : shown;
    if (text.trim() !== "") this.#say("command", text.trim(), false);
  }

  /** The line that was entered: the shell has sent the line's end by now, or stands on it still. */
  #shownLine(): string {
    return this.#screen.text === "" ? this.#screen.completed : this.#screen.text;
  }

  #giveAhead(kind: ShellLine["kind"]): void {
    for (const line of this.#ahead.splice(0)) this.#say(kind, line.text, false);
  }

  #say(kind: ShellLine["kind"], text: string, exact: boolean): void {
    if (this.#tells(text)) this.#out.push({ kind, text, exact });
  }

  /** An empty line leaves its prompt alone. */
  #isShown(text: string, shown: string): boolean {
    return text === "" && this.#blank ? /[$#%>]\s*$/.test(shown) : shown.endsWith(text);
  }

  #tells(text: string): boolean {
    return text !== "" || this.#blank;
  }

  #take(): ShellLine[] {
    return this.#out.length === 0 ? NOTHING : this.#out.splice(0);
  }
}

const MOST_AHEAD = 256;
const NOTHING: ShellLine[] = [];

/** Lines of a channel without a terminal: what is sent is what the shell reads, cut at line feeds. */
export class PlainLines {
  #rest: Buffer[] = [];
  #size = 0;

  input(bytes: Buffer): ShellLine[] {
    const lines: ShellLine[] = [];
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, start)) {
      this.#keep(bytes.subarray(start, end));
      lines.push(...this.end());
      start = end + 1;
    }
    this.#keep(bytes.subarray(start));
    return lines;
  }

  end(): ShellLine[] {
    const text = Buffer.concat(this.#rest).toString("latin1").replace(/\r$/, "");
    const exact = this.#size <= LONGEST_PLAIN_LINE;
    this.#rest = [];
    this.#size = 0;
    return text.trim() === "" ? NOTHING : [{ kind: "command", text, exact }];
  }

  #keep(bytes: Buffer): void {
    const room = Math.max(0, LONGEST_PLAIN_LINE - this.#size);
    // Copied: the buffer is a view of the reader's.
    if (room > 0 && bytes.length > 0) this.#rest.push(Buffer.from(bytes.subarray(0, room)));
    this.#size += bytes.length;
  }
}

const LONGEST_PLAIN_LINE = 65_536;
