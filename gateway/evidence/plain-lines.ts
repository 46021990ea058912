/** Lines of a channel without a terminal: what is sent is what the shell reads, cut at line feeds. */
export class PlainLines {
  #rest: Buffer[] = [];
  #size = 0;

  input(bytes: Buffer): PlainLine[] {
    const lines: PlainLine[] = [];
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, start)) {
      this.#keep(bytes.subarray(start, end));
      lines.push(this.#line());
      start = end + 1;
    }
    this.#keep(bytes.subarray(start));
    return lines;
  }

  /** What has no line feed is a line too. */
  end(): PlainLine[] {
    return this.#size === 0 ? [] : [this.#line()];
  }

  #line(): PlainLine {
    const text = Buffer.concat(this.#rest).toString("latin1").replace(/\r$/, "");
    const exact = this.#size <= LONGEST_LINE;
    this.#rest = [];
    this.#size = 0;
    return { text, exact };
  }

  #keep(bytes: Buffer): void {
    const room = Math.max(0, LONGEST_LINE - this.#size);
    // Copied: the buffer is a view of the reader's.
    if (room > 0 && bytes.length > 0) this.#rest.push(Buffer.from(bytes.subarray(0, room)));
    this.#size += bytes.length;
  }
}

export interface PlainLine {
  /** One character per byte. */
  readonly text: string;
  /** False: it was longer. */
  readonly exact: boolean;
}

/** Whole programs are sent in one line, in base64. */
const LONGEST_LINE = 1024 * 1024;
