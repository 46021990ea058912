import { PlainLines } from "./plain-lines.ts";
import { ShellCommands, type ShellTold } from "./shell-commands.ts";
import type { GrowingFiles } from "./growing-files.ts";
import { ShellFiles } from "./shell-files.ts";
import type { ShellLine } from "./shell-line.ts";
import { ShellLines } from "./shell-lines.ts";

/** One channel in which a shell runs, or a command by way of a shell: what it was told, and the files that this made. */
export class ShellChannel {
  readonly #commands = new ShellCommands();
  readonly #files: ShellFiles;
  readonly #input: "command" | "command on a terminal" | PlainLines | ShellLines;
  #at: bigint;
  #isOver = false;
  #told: ShellTold[] = [];

  /**
   * @param asked the command of an exec request.
   * @param input what the channel sends: to that command, a shell's lines, or keys on a terminal.
   */
  constructor(
    channel: number,
    files: GrowingFiles,
    asked: string | undefined,
    input: "command" | "command on a terminal" | "lines" | { readonly columns: number },
    at: bigint,
  ) {
    this.#at = at;
    this.#files = new ShellFiles(files, channel);
    if (input === "lines") this.#input = new PlainLines();
    else if (typeof input === "string") this.#input = input;
    else this.#input = new ShellLines(input.columns, (line) => this.#line(line));
    if (asked !== undefined) this.#commands.asked(asked, at);
    this.#follow();
  }

  resize(columns: number): void {
    if (this.#input instanceof ShellLines) this.#input.resize(columns);
  }

  /** @param at nanoseconds since the session's start. */
  input(bytes: Buffer, at: bigint): void {
    this.#at = at;
    if (typeof this.#input === "string") this.#files.input(bytes);
    else if (this.#input instanceof PlainLines) this.#plain(this.#input, bytes);
    else {
      this.#input.input(bytes, at);
      this.#follow();
    }
  }

  output(bytes: Buffer, at: bigint): void {
    this.#at = at;
    if (this.#input instanceof ShellLines) {
      this.#input.output(bytes);
      this.#follow();
    } else if (this.#input === "command on a terminal") this.#files.errors(bytes);
  }

  /** What came on standard error. */
  errors(bytes: Buffer): void {
    this.#files.errors(bytes);
  }

  /** Nothing more is sent. @param inOrder that was said. */
  inputEnds(inOrder: boolean, at: bigint): void {
    // On a terminal what was sent ahead may still be read.
    if (this.#isOver || this.#input instanceof ShellLines) return;
    this.#isOver = true;
    if (typeof this.#input !== "string") {
      for (const { text, exact } of this.#input.end()) this.#commands.entered(text, exact, at);
      this.#commands.wholeAsItIs();
    }
    this.#follow();
    this.#files.end(inOrder);
  }

  /** @param exitStatus of the channel, where it was said. */
  end(exitStatus: number | undefined, at: bigint): void {
    this.inputEnds(false, at);
    if (this.#input instanceof ShellLines) this.#input.end();
    this.#commands.end(exitStatus);
    this.#follow();
    this.#files.end(false);
    this.#files.over();
  }

  /** What was told since the last time. */
  take(): ShellTold[] {
    return this.#told.length === 0 ? this.#told : this.#told.splice(0);
  }

  /** Lines, up to the one whose command reads what comes after it. */
  #plain(lines: PlainLines, bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#files.readsInput) {
        this.#files.input(rest);
        return;
      }
      const feed = rest.indexOf(0x0a);
      const end = feed === -1 ? rest.length : feed + 1;
      for (const { text, exact } of lines.input(rest.subarray(0, end)))
        this.#commands.entered(text, exact, this.#at);
      this.#follow();
      rest = rest.subarray(end);
    }
  }

  #line(line: ShellLine): boolean {
    const wantsMore = this.#commands.line(line, this.#at);
    // At once: what is printed from here on is another command's.
    this.#follow();
    if (line.kind === "output") this.#files.printed(line.text);
    return wantsMore;
  }

  #follow(): void {
    for (const told of this.#commands.take()) {
      this.#told.push(told);
      switch (told.kind) {
        case "typed":
          this.#files.typed(told.text);
          break;
        case "command":
          if (this.#input instanceof ShellLines) this.#files.end(true);
          this.#files.command(told);
          break;
        case "command-ended":
          if (this.#input instanceof ShellLines) this.#files.prompted();
          this.#files.ended(told.number, told.exitStatus);
          break;
        default:
          told satisfies never;
      }
    }
  }
}
