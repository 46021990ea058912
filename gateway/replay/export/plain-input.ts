import type { ShellFiles } from "./shell-files.ts";

/** Kept of one line: whole programs are sent in one, in base64. */
const LONGEST_LINE = 1024 * 1024;

/**
 * What is sent to a shell without a terminal: its lines, up to the one whose command reads what comes after it.
 */
export class PlainInput {
  readonly #shell: ShellFiles;
  #parts: Buffer[] = [];
  #size = 0;

  constructor(shell: ShellFiles) {
    this.#shell = shell;
  }

  push(bytes: Buffer, at: string): void {
    let from = 0;
    while (from < bytes.length) {
      if (this.#shell.readsInput) {
        this.#shell.input(bytes.subarray(from));
        return;
      }
      const feed = bytes.indexOf(0x0a, from);
      this.#keep(bytes.subarray(from, feed === -1 ? bytes.length : feed));
      if (feed === -1) return;
      this.#line(at);
      from = feed + 1;
    }
  }

  /** No more will come: what has no line feed is a line too. */
  end(at: string): void {
    if (this.#size > 0) this.#line(at);
  }

  #line(at: string): void {
    const exact = this.#size <= LONGEST_LINE;
    const text = Buffer.concat(this.#parts).toString("latin1");
    this.#parts = [];
    this.#size = 0;
    this.#shell.line(text, exact, at);
  }

  #keep(bytes: Buffer): void {
    const room = Math.max(0, LONGEST_LINE - this.#size);
    // Copied: the buffer is a view of the reader's.
    if (room > 0 && bytes.length > 0) this.#parts.push(Buffer.from(bytes.subarray(0, room)));
    this.#size += bytes.length;
  }
}
