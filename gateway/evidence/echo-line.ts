/**
 * The line that the cursor is on, as a terminal would show it: enough of one to read back what a shell echoed
 * (redraws, insertions, history recall, wrapped lines). Approximate: characters are taken as one column wide, and
 * cursor movement to absolute places counts only the column.
 */
export class EchoLine {
  #cells: string[] = [];
  #cursor = 0;
  #columns: number;
  #sequence: string | undefined;
  /** The row's last cell was just written: the cursor goes to the next row with the next character. */
  #isFull = false;
  #completed: string[] = [];
  bracketedPaste = false;
  alternateScreen = false;

  constructor(columns: number) {
    this.#columns = 80;
    this.resize(columns);
  }

  resize(columns: number): void {
    if (columns > 0) this.#columns = Math.min(columns, WIDEST);
  }

  /** Feeds one byte of output. Returns what changed that a reader of commands needs to know. */
  output(byte: number): "line" | "paste-on" | "paste-off" | "screen" | undefined {
    if (this.#sequence !== undefined) return this.#sequenceByte(byte);
    switch (byte) {
      case 0x1b:
        this.#sequence = "";
        return undefined;
      case 0x0a:
        if (this.#cells.length > this.#nextRow) {
          // Over to the next row of the same line, which an editor does to get to its end.
          this.#cursor += this.#columns;
          return undefined;
        }
        this.#completed = this.#cells;
        this.#cells = [];
        // A tty sends CR LF; after a bare LF the column stays, which matters to nobody here.
        this.#cursor = 0;
        return "line";
      case 0x0d:
        if (this.#isFull) this.#cursor -= this.#columns;
        else this.#cursor -= this.#cursor % this.#columns;
        this.#isFull = false;
        return undefined;
      case 0x08:
        this.#cursor = Math.max(0, this.#cursor - 1);
        return undefined;
      case 0x09:
        this.#cursor += 8 - (this.#cursor % 8);
        return undefined;
      default:
        this.#isFull = false;
        if (byte >= 0x20 && byte !== 0x7f) this.#put(byte);
        return undefined;
    }
  }

  /** Where the row below the cursor's begins. */
  get #nextRow(): number {
    return this.#cursor - (this.#cursor % this.#columns) + this.#columns;
  }

  /** One character per byte, trailing blanks dropped. */
  get text(): string {
    return this.#cells.join("").trimEnd();
  }

  /** As `text`, with the blanks that were written. */
  get written(): string {
    return this.#cells.join("");
  }

  /** The line completed last by a line feed, as `written`. */
  get completed(): string {
    return this.#completed.join("");
  }

  /** Its first cells. */
  completedTo(cells: number): string {
    return this.#completed.slice(0, cells).join("");
  }

  get isEmpty(): boolean {
    return this.#cells.length === 0;
  }

  /** Whether the cursor stands after `$ `, `# `, `% ` or `> ` at the line's end, as shells leave it when they wait. */
  get looksLikePrompt(): boolean {
    const end = this.#cells.length;
    return (
      this.#cursor === end &&
      end >= 2 &&
      end <= LONGEST_PROMPT &&
      this.#cells[end - 1] === " " &&
      "$#%>".includes(this.#cells[end - 2] ?? " ")
    );
  }

  get cursor(): number {
    return this.#cursor;
  }

  #put(byte: number): void {
    const character = String.fromCharCode(byte);
    const before = this.#cells[this.#cursor - 1];
    if ((byte & 0xc0) === 0x80 && before !== undefined && before.length < 4 && before.charCodeAt(0) >= 0xc0) {
      this.#cells[this.#cursor - 1] = before + character;
      return;
    }
    if (this.#cursor >= LONGEST_SHOWN) return;
    while (this.#cells.length < this.#cursor) this.#cells.push(" ");
    this.#cells[this.#cursor++] = character;
    this.#isFull = this.#cursor % this.#columns === 0;
  }

  /** Moves what stands from the cursor to its row's end; what goes over that is gone, the other rows stay. */
  #shift(count: number): void {
    const rest = this.#cells.slice(this.#cursor, this.#nextRow);
    const hasRowsBelow = this.#cells.length > this.#nextRow;
    const moved = count > 0 ? [...Array<string>(count).fill(" "), ...rest] : rest.slice(-count);
    moved.length = Math.min(moved.length, this.#nextRow - this.#cursor);
    if (hasRowsBelow) while (moved.length < rest.length) moved.push(" ");
    this.#cells.splice(this.#cursor, rest.length, ...moved);
  }

  #sequenceByte(byte: number): ReturnType<EchoLine["output"]> {
    const sequence = (this.#sequence ?? "") + String.fromCharCode(byte);
    this.#sequence = sequence;
    if (sequence.startsWith("]")) {
      // Operating system command (window titles): to BEL or ST.
      if (byte === 0x07 || sequence.endsWith("\x1b\\") || sequence.length > 1024) this.#sequence = undefined;
      return undefined;
    }
    if (sequence.startsWith("[")) {
      if (sequence.length === 1 || byte < 0x40 || byte > 0x7e) {
        if (sequence.length > 64) this.#sequence = undefined;
        return undefined;
      }
    } else if (byte >= 0x20 && byte <= 0x2f && sequence.length < 4) {
      return undefined; // intermediate byte of a longer escape, such as ESC ( B
    }
    this.#sequence = undefined;
    return this.#apply(sequence);
  }

  #apply(sequence: string): ReturnType<EchoLine["output"]> {
    const match = /^\[(\??)([\d;]*)([@-~])$/.exec(sequence);
    if (match === null) return undefined;
    const [, question, parameters = "", final] = match;
    const first = Number(parameters.split(";")[0]);
    const count = Math.min(Math.max(1, first), LONGEST_SHOWN);
    if (question === "?") {
      const on = final === "h";
      if (!on && final !== "l") return undefined;
      for (const mode of parameters.split(";")) {
        if (mode === "2004") {
          this.bracketedPaste = on;
          return on ? "paste-on" : "paste-off";
        }
        if (mode === "1049" || mode === "1047" || mode === "47") {
          this.alternateScreen = on;
          this.#cells = [];
          this.#cursor = 0;
          return "screen";
        }
      }
      return undefined;
    }
    switch (final) {
      case "K":
        if (first !== 0) this.#cells.fill(" ", this.#nextRow - this.#columns, this.#cursor + 1);
        if (first === 1) return undefined;
        if (this.#cells.length > this.#nextRow) this.#cells.fill(" ", this.#cursor, this.#nextRow);
        else this.#cells.length = Math.min(this.#cells.length, this.#cursor);
        return undefined;
      case "J":
        if (first === 0) this.#cells.length = Math.min(this.#cells.length, this.#cursor);
        else this.#cells = [];
        return undefined;
      case "P":
        this.#shift(-Math.min(count, this.#nextRow - this.#cursor));
        return undefined;
      case "@":
        if (this.#cursor < this.#cells.length) this.#shift(Math.min(count, this.#nextRow - this.#cursor));
        return undefined;
      case "C":
        this.#cursor = Math.min(this.#cursor + count, this.#nextRow - 1);
        return undefined;
      case "D":
        this.#cursor = Math.max(0, this.#cursor - count);
        return undefined;
      case "A":
        this.#cursor = Math.max(this.#cursor % this.#columns, this.#cursor - count * this.#columns);
        return undefined;
      case "B":
        this.#cursor = Math.min(this.#cursor + count * this.#columns, LONGEST_SHOWN);
        return undefined;
      case "G":
        this.#cursor += Math.min(count, this.#columns) - 1 - (this.#cursor % this.#columns);
        return undefined;
      case "H":
        this.#cells = [];
        this.#cursor = 0;
        return undefined;
      default:
        return undefined;
    }
  }
}

const WIDEST = 1024;
/** More than any terminal shows at once. */
export const LONGEST_SHOWN = 16_384;
const LONGEST_PROMPT = 256;
