import type { EditedLine } from "./edited-line.ts";
import { isLetter, isNoBlank, wordEnd, wordStart } from "./line-words.ts";

/**
 * What a line looks like after the keys typed on it: the part of readline's Emacs mode that needs no knowledge of
 * the shell's state. Keys whose effect depends on that state (history, completion, search, undo) mark the line as
 * unresolved: its text is then taken from what the shell echoed.
 */
export class LineEditor {
  /** One cell per character: a byte, or the bytes of one UTF-8 character, as ISO 8859-1. */
  #cells: string[] = [];
  #cursor = 0;
  #unresolved = false;
  #moved = false;
  #escape: string | undefined;
  /** The next key stands for itself (^V). */
  #quoted = false;
  #pasting = false;
  #killed: string[] = [];
  /** The last key killed: what the next one kills is added. */
  #killing = false;
  #cut = false;
  /** Cells that were moved by edits in the middle of the line. */
  #work = 0;

  /** Feeds one byte. Returns what it completed, if anything. */
  key(byte: number): EditedLine | undefined {
    if (this.#escape !== undefined) {
      this.#escapeByte(byte);
      return undefined;
    }
    if (this.#quoted || (this.#pasting && byte !== ESC)) {
      this.#quoted = false;
      this.#insert(byte === CR ? "\n" : String.fromCharCode(byte));
      return undefined;
    }
    const wasKilling = this.#killing;
    this.#killing = false;
    switch (byte) {
      case CR:
      case LF:
        return this.#finish("entered");
      case 0x03: // ^C
      case 0x1a: // ^Z
      case 0x1c: // ^\
        return this.#finish("abandoned");
      case 0x04: // ^D: end of input on an empty line, otherwise delete forward
        if (this.#cells.length === 0 && !this.#unresolved) return this.#finish("end-of-input");
        this.#remove(this.#cursor, this.#cursor + 1);
        return undefined;
      case 0x7f:
      case 0x08:
        if (this.#cursor > 0) this.#remove(this.#cursor - 1, this.#cursor);
        return undefined;
      case 0x15: // ^U
        this.#kill(0, this.#cursor, wasKilling);
        return undefined;
      case 0x17: // ^W
        this.#kill(wordStart(this.#cells, this.#cursor, isNoBlank), this.#cursor, wasKilling);
        return undefined;
      case ESC:
        this.#escape = "";
        this.#killing = wasKilling;
        return undefined;
      default:
        if (byte >= 0x20) this.#insert(String.fromCharCode(byte));
        else this.#control(byte, wasKilling);
        return undefined;
    }
  }

  /** True while nothing has been typed on the present line. */
  get untouched(): boolean {
    return this.#cells.length === 0 && !this.#unresolved && this.#escape === undefined;
  }

  /** What was typed so far; undefined where the keys do not tell. */
  get typed(): string | undefined {
    return this.#unresolved ? undefined : this.#cells.join("");
  }

  /** Forgets the line: something else than a line's reader got its keys. */
  forget(): EditedLine {
    this.#escape = undefined;
    return this.#finish("abandoned");
  }

  /** Keys that a line of a plain terminal does not know. */
  #control(byte: number, wasKilling: boolean): void {
    this.#moved = true;
    switch (byte) {
      case 0x01: // ^A
        this.#cursor = 0;
        return;
      case 0x05: // ^E
        this.#cursor = this.#cells.length;
        return;
      case 0x02: // ^B
        this.#cursor = Math.max(0, this.#cursor - 1);
        return;
      case 0x06: // ^F
        this.#cursor = Math.min(this.#cells.length, this.#cursor + 1);
        return;
      case 0x0b: // ^K
        this.#kill(this.#cursor, this.#cells.length, wasKilling);
        return;
      case 0x19: // ^Y
        for (const cell of this.#killed) this.#insert(cell);
        return;
      case 0x14: // ^T
        this.#transpose();
        return;
      case 0x16: // ^V
        this.#quoted = true;
        return;
      case 0x09: // Tab
      case 0x0e: // ^N
      case 0x0f: // ^O
      case 0x10: // ^P
      case 0x12: // ^R
      case 0x13: // ^S
      case 0x18: // ^X
      case 0x1d: // ^]
      case 0x1f: // ^_
        this.#unresolved = true;
        return;
      default: // ^L redraws, the line stays; the others do nothing
    }
  }

  #insert(character: string): void {
    const byte = character.charCodeAt(0);
    const before = this.#cells[this.#cursor - 1];
    // A continuation byte belongs to the character before it, so that a backspace takes the whole of it.
    if (character.length === 1 && (byte & 0xc0) === 0x80 && before !== undefined && isOpenUtf8(before)) {
      this.#cells[this.#cursor - 1] = before + character;
    } else if (this.#cells.length >= LONGEST_LINE) this.#cut = true;
    else if (this.#cursor === this.#cells.length) {
      this.#cells.push(character);
      this.#cursor++;
    } else if (this.#worth(this.#cells.length - this.#cursor))
      this.#cells.splice(this.#cursor++, 0, character);
  }

  #remove(start: number, end: number): string[] {
    if (start >= end || !this.#worth(this.#cells.length - end)) return [];
    this.#cursor = Math.min(start, this.#cells.length);
    return this.#cells.splice(start, end - start);
  }

  /** Whoever edits in the middle of an endless line for ever is no person. */
  #worth(moved: number): boolean {
    this.#work += moved;
    if (this.#work <= MOST_WORK) return true;
    this.#cut = true;
    return false;
  }

  #kill(start: number, end: number, adds: boolean): void {
    const isBackward = start < this.#cursor;
    const cells = this.#remove(start, end);
    this.#killing = true;
    const kept = adds && this.#killed.length + cells.length <= LONGEST_LINE ? this.#killed : [];
    this.#killed = isBackward ? [...cells, ...kept] : [...kept, ...cells];
  }

  #transpose(): void {
    const at = this.#cursor === this.#cells.length ? this.#cursor - 1 : this.#cursor;
    const [first, second] = [this.#cells[at - 1], this.#cells[at]];
    if (first === undefined || second === undefined) return;
    this.#cells[at - 1] = second;
    this.#cells[at] = first;
    this.#cursor = at + 1;
  }

  /** Meta-u, -l and -c, on ASCII letters; on others the screen has to tell. */
  #changeCase(how: string): void {
    const end = Math.min(wordEnd(this.#cells, this.#cursor), this.#cursor + LONGEST_WORD);
    const word = this.#cells.slice(this.#cursor, end).join("");
    // eslint-disable-next-line no-control-regex -- what is no ASCII
    if (/[^\x00-\x7f]/.test(word)) this.#unresolved = true;
    else {
      const lower = word.toLowerCase();
      const changed =
        how === "u"
          ? word.toUpperCase()
          : how === "l"
            ? lower
            : lower.replace(/[a-z0-9]/, (one) => one.toUpperCase());
      this.#cells.splice(this.#cursor, end - this.#cursor, ...Array.from(changed));
      this.#cursor = end;
    }
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
    const wasKilling = this.#killing;
    this.#killing = false;
    if (sequence === "[200~") this.#pasting = true;
    else if (sequence === "[201~") this.#pasting = false;
    // Answers of the attacker's terminal to questions (cursor position, device attributes, focus) are no keys.
    else if (!/^\[(?:[?>]?[\d;]*[cnRIO])$/.test(sequence)) {
      this.#moved = true;
      this.#applyEscape(sequence, wasKilling);
    }
  }

  #applyEscape(sequence: string, wasKilling: boolean): void {
    switch (
      sequence
        .replace(/^O/, "[")
        .replace(/^\[1;[2-8]([A-Z])$/, "w$1")
        .replace(/^\[5([CD])$/, "w$1")
    ) {
      case "[D":
        this.#cursor = Math.max(0, this.#cursor - 1);
        return;
      case "[C":
        this.#cursor = Math.min(this.#cells.length, this.#cursor + 1);
        return;
      case "[H":
      case "[1~":
      case "[7~":
        this.#cursor = 0;
        return;
      case "[F":
      case "[4~":
      case "[8~":
        this.#cursor = this.#cells.length;
        return;
      case "[3~":
        if (this.#cursor < this.#cells.length) this.#remove(this.#cursor, this.#cursor + 1);
        return;
      case "b":
      case "wD":
        this.#cursor = wordStart(this.#cells, this.#cursor, isLetter);
        return;
      case "f":
      case "wC":
        this.#cursor = wordEnd(this.#cells, this.#cursor);
        return;
      case "d":
        this.#kill(this.#cursor, wordEnd(this.#cells, this.#cursor), wasKilling);
        return;
      case "\x7f":
      case "\x08":
        this.#kill(wordStart(this.#cells, this.#cursor, isLetter), this.#cursor, wasKilling);
        return;
      case "u":
      case "l":
      case "c":
        this.#changeCase(sequence);
        return;
      default:
        this.#unresolved = true;
    }
  }

  #finish(how: EditedLine["how"]): EditedLine {
    const line = {
      how,
      text: this.#cells.join(""),
      unresolved: this.#unresolved,
      moved: this.#moved,
      cut: this.#cut,
    };
    this.#cells = [];
    this.#cursor = 0;
    this.#unresolved = false;
    this.#moved = false;
    this.#pasting = false;
    this.#quoted = false;
    this.#killing = false;
    this.#cut = false;
    this.#work = 0;
    return line;
  }
}

/** Characters kept of one line; a tty itself takes 4,096 in canonical mode, readline more. */
const LONGEST_LINE = 65_536;
const LONGEST_WORD = 4096;
const MOST_WORK = 16_777_216;
const ESC = 0x1b;
const CR = 0x0d;
const LF = 0x0a;

function isOpenUtf8(cell: string): boolean {
  const lead = cell.charCodeAt(0);
  const whole = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return cell.length < whole;
}
