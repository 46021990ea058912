/**
 * What a line looks like after the keys typed on it: the part of readline's Emacs mode that needs no knowledge of
 * the shell's state. Keys whose effect depends on that state (history, completion, search, yank of another line)
 * mark the line as unresolved: its text is then taken from what the shell echoed.
 */
export class LineEditor {
  /** One cell per character: a byte, or the bytes of one UTF-8 character, as ISO 8859-1. */
  #cells: string[] = [];
  #cursor = 0;
  #unresolved = false;
  #escape: string | undefined;
  #pasting = false;
  #killed: string[] = [];
  #cut = false;

  /** Feeds one byte. Returns what it completed, if anything. */
  key(byte: number): EditedLine | undefined {
    if (this.#escape !== undefined) {
      this.#escapeByte(byte);
      return undefined;
    }
    if (this.#pasting && byte !== ESC) {
      if (byte === CR || byte === LF) this.#insert("\n");
      else this.#insert(String.fromCharCode(byte));
      return undefined;
    }
    switch (byte) {
      case CR:
      case LF:
        return this.#finish("entered");
      case 0x03: // ^C
        return this.#finish("abandoned");
      case 0x04: // ^D: end of input on an empty line, otherwise delete forward
        if (this.#cells.length === 0 && !this.#unresolved) return this.#finish("end-of-input");
        this.#cells.splice(this.#cursor, 1);
        return undefined;
      case 0x7f:
      case 0x08:
        if (this.#cursor > 0) this.#cells.splice(--this.#cursor, 1);
        return undefined;
      case 0x01: // ^A
        this.#cursor = 0;
        return undefined;
      case 0x05: // ^E
        this.#cursor = this.#cells.length;
        return undefined;
      case 0x02: // ^B
        this.#cursor = Math.max(0, this.#cursor - 1);
        return undefined;
      case 0x06: // ^F
        this.#cursor = Math.min(this.#cells.length, this.#cursor + 1);
        return undefined;
      case 0x15: // ^U
        this.#killed = this.#cells.splice(0, this.#cursor);
        this.#cursor = 0;
        return undefined;
      case 0x0b: // ^K
        this.#killed = this.#cells.splice(this.#cursor);
        return undefined;
      case 0x17: // ^W
        this.#killWord();
        return undefined;
      case 0x19: // ^Y
        for (const cell of this.#killed) this.#insert(cell);
        return undefined;
      case 0x0c: // ^L redraws, the line stays
        return undefined;
      case ESC:
        this.#escape = "";
        return undefined;
      case 0x09: // Tab
      case 0x0e: // ^N
      case 0x10: // ^P
      case 0x12: // ^R
      case 0x13: // ^S
      case 0x0f: // ^O
      case 0x14: // ^T
      case 0x16: // ^V
      case 0x18: // ^X
      case 0x1f: // ^_
        this.#unresolved = true;
        return undefined;
      default:
        if (byte >= 0x20) this.#insert(String.fromCharCode(byte));
        return undefined;
    }
  }

  /** True while nothing has been typed on the present line. */
  get untouched(): boolean {
    return this.#cells.length === 0 && !this.#unresolved && this.#escape === undefined;
  }

  #insert(character: string): void {
    const byte = character.charCodeAt(0);
    const before = this.#cells[this.#cursor - 1];
    // A continuation byte belongs to the character before it, so that a backspace takes the whole of it.
    if (character.length === 1 && (byte & 0xc0) === 0x80 && before !== undefined && isOpenUtf8(before)) {
      this.#cells[this.#cursor - 1] = before + character;
    } else if (this.#cells.length >= LONGEST_LINE) {
      this.#cut = true;
    } else {
      this.#cells.splice(this.#cursor++, 0, character);
    }
  }

  #killWord(): void {
    let start = this.#cursor;
    while (start > 0 && this.#cells[start - 1] === " ") start--;
    while (start > 0 && this.#cells[start - 1] !== " ") start--;
    this.#killed = this.#cells.splice(start, this.#cursor - start);
    this.#cursor = start;
  }

  #escapeByte(byte: number): void {
    const sequence = (this.#escape ?? "") + String.fromCharCode(byte);
    const isCsi = sequence.startsWith("[") || sequence.startsWith("O");
    const ends = isCsi ? sequence.length > 1 && byte >= 0x40 && byte <= 0x7e : true;
    if (!ends && sequence.length < 16) {
      this.#escape = sequence;
      return;
    }
    this.#escape = undefined;
    this.#applyEscape(sequence);
  }

  #applyEscape(sequence: string): void {
    switch (sequence) {
      case "[D":
      case "OD":
        this.#cursor = Math.max(0, this.#cursor - 1);
        return;
      case "[C":
      case "OC":
        this.#cursor = Math.min(this.#cells.length, this.#cursor + 1);
        return;
      case "[H":
      case "OH":
      case "[1~":
        this.#cursor = 0;
        return;
      case "[F":
      case "OF":
      case "[4~":
        this.#cursor = this.#cells.length;
        return;
      case "[3~":
        this.#cells.splice(this.#cursor, 1);
        return;
      case "[200~":
        this.#pasting = true;
        return;
      case "[201~":
        this.#pasting = false;
        return;
      default:
        // Answers of the attacker's terminal to questions (cursor position, device attributes, focus) are no keys.
        if (/^\[(\??[\d;]*[cnRIO])$/.test(sequence)) return;
        this.#unresolved = true;
    }
  }

  #finish(how: EditedLine["how"]): EditedLine {
    const line = { how, text: this.#cells.join(""), unresolved: this.#unresolved, cut: this.#cut };
    this.#cells = [];
    this.#cursor = 0;
    this.#unresolved = false;
    this.#pasting = false;
    this.#cut = false;
    return line;
  }
}

export interface EditedLine {
  readonly how: "entered" | "abandoned" | "end-of-input";
  /** One character per byte. */
  readonly text: string;
  /** The keys alone do not tell the text (history, completion). */
  readonly unresolved: boolean;
  /** Longer than was kept. */
  readonly cut: boolean;
}

/** Characters kept of one line; a tty itself takes 4,096 in canonical mode, readline more. */
const LONGEST_LINE = 32_768;
const ESC = 0x1b;
const CR = 0x0d;
const LF = 0x0a;

function isOpenUtf8(cell: string): boolean {
  const lead = cell.charCodeAt(0);
  const whole = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return cell.length < whole;
}
