import { passableCsi, passableControl, passableEscape, type Passed } from "./guard-rules.ts";

export interface GuardOptions {
  /** Whether the terminal reads UTF-8. If not, bytes 80 to 9F are controls wherever they stand, and none passes. */
  readonly utf8: boolean;
}

type State =
  | "ground"
  | "escape" // after ESC, perhaps with intermediate bytes
  | "csi"
  | "csi-ignore" // a control sequence longer than any honest one
  | "string"; // OSC, DCS, APC, PM, SOS: up to their terminator

const ESC = 0x1b;
const MOST_OF_A_SEQUENCE = 256;
/** Introducers after ESC of what runs up to a string terminator. `k` is a title in screen and tmux. */
const STRINGS = new Set("P]X^_k");
const REPLACEMENT = Buffer.from("\u{fffd}");

/**
 * Stands between what a stranger's programs printed and the operator's terminal. Lets through what draws; leaves out what
 * makes a terminal answer, type, copy, print, change its keys or its size, or act on the machine it runs on.
 * A sequence is held back until it is whole and then passes or not, so it makes no difference how the bytes are cut into pieces.
 * What it knows is what passes; all else does not. The list stands in docs/replay.md.
 */
export class TerminalGuard {
  /** Sequences and controls that did not pass. */
  removed = 0;
  readonly #utf8: boolean;
  #out: Buffer = Buffer.allocUnsafe(4096);
  #length = 0;
  #state: State = "ground";
  #sequence = "";
  /** The start of a character of several bytes, and how many are to come. */
  #character: number[] = [];
  #missing = 0;
  readonly #left = new Map<string, string>();

  constructor(options: GuardOptions) {
    this.#utf8 = options.utf8;
  }

  /** What may be shown of what came so far. The result is the caller's. */
  write(bytes: Uint8Array): Buffer {
    for (let at = 0; at < bytes.length;) {
      const run = this.#state === "ground" && this.#missing === 0 ? plainRun(bytes, at) : 0;
      if (run > 0) this.#emitAll(bytes.subarray(at, at + run));
      else this.#byte(bytes[at] ?? 0);
      at += Math.max(run, 1);
    }
    return this.#take();
  }

  /** What is left to show, and the way back to a terminal as it was found. */
  end(): Buffer {
    this.#breakOff();
    this.#state = "ground";
    this.#sequence = "";
    for (const undo of this.#left.values()) this.#emitText(undo);
    this.#left.clear();
    return this.#take();
  }

  /** Characters first: a byte 80 to 9F inside of one is no control. */
  #byte(byte: number): void {
    if (this.#missing > 0) {
      if (continues(this.#character, byte)) {
        this.#character.push(byte);
        this.#missing -= 1;
        if (this.#missing === 0) this.#whole();
        return;
      }
      this.#breakOff();
    }
    if (byte < 0x80) {
      this.#ascii(byte);
    } else if (this.#utf8 && byte >= 0xc2 && byte <= 0xf4) {
      this.#character = [byte];
      this.#missing = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    } else if (byte >= 0xa0) {
      this.#printable([byte]);
    } else {
      this.#control8(byte);
    }
  }

  /** U+0080 to U+009F are the same controls, spelt in UTF-8. */
  #whole(): void {
    const [lead = 0, second = 0] = this.#character;
    if (lead === 0xc2 && second < 0xa0) this.#control8(second);
    else this.#printable(this.#character);
    this.#character = [];
  }

  /** A character that was not finished: its bytes are not UTF-8, and pass as they are unless they could be controls. */
  #breakOff(): void {
    if (this.#missing === 0) return;
    const bytes = this.#character;
    this.#character = [];
    this.#missing = 0;
    for (const byte of bytes) {
      if (byte >= 0xa0) this.#printable([byte]);
      else this.#control8(byte);
    }
  }

  #printable(bytes: readonly number[]): void {
    if (this.#state === "string") return;
    this.#abandon();
    for (const byte of bytes) this.#emit(byte);
  }

  /** An eight-bit control ends what was begun, and is shown as what a UTF-8 terminal shows for a byte out of place. */
  #control8(byte: number): void {
    const inString = this.#state === "string";
    this.#abandon();
    this.#state = "ground";
    this.removed += 1;
    if (inString && byte === 0x9c) return;
    if (this.#utf8) for (const part of REPLACEMENT) this.#emit(part);
    else this.#emit(0x3f);
  }

  #ascii(byte: number): void {
    if (byte === ESC) {
      this.#abandon();
      this.#state = "escape";
      return;
    }
    // CAN and SUB break off whatever runs (ECMA-48); the rest of C0 acts in the middle of a sequence as outside of one.
    if (byte === 0x18 || byte === 0x1a) {
      this.#abandon();
      this.#state = "ground";
      this.removed += 1;
      return;
    }
    if (this.#state === "string") {
      if (byte === 0x07) this.#state = "ground";
      return;
    }
    if (byte < 0x20 || byte === 0x7f) {
      if (!passableControl(byte)) this.removed += 1;
      else this.#emit(byte);
      return;
    }
    switch (this.#state) {
      case "ground":
        this.#emit(byte);
        return;
      case "escape":
        this.#inEscape(byte);
        return;
      case "csi":
      case "csi-ignore":
        this.#inCsi(byte);
        return;
      default:
        this.#state satisfies never;
    }
  }

  #inEscape(byte: number): void {
    const character = String.fromCharCode(byte);
    if (this.#sequence === "" && character === "[") {
      this.#state = "csi";
    } else if (this.#sequence === "" && STRINGS.has(character)) {
      this.#state = "string";
      this.removed += 1;
    } else if (byte < 0x30 && this.#sequence.length < MOST_OF_A_SEQUENCE) {
      this.#sequence += character;
    } else {
      const sequence = this.#sequence + character;
      this.#state = "ground";
      this.#sequence = "";
      // ESC \ ends a string that was left out already.
      if (sequence !== "\\") this.#pass(passableEscape(sequence));
    }
  }

  #inCsi(byte: number): void {
    if (byte < 0x40) {
      if (this.#sequence.length < MOST_OF_A_SEQUENCE) this.#sequence += String.fromCharCode(byte);
      else this.#state = "csi-ignore";
      return;
    }
    const passed =
      this.#state === "csi-ignore" ? undefined : passableCsi(this.#sequence, String.fromCharCode(byte));
    this.#state = "ground";
    this.#sequence = "";
    this.#pass(passed);
  }

  #pass(passed: Passed | undefined): void {
    if (passed === undefined) {
      this.removed += 1;
      return;
    }
    this.#emitText(passed.text);
    for (const { what, undo } of passed.leaves ?? []) {
      if (undo === undefined) this.#left.delete(what);
      else this.#left.set(what, undo);
    }
  }

  /** A sequence that is broken off by what comes now. */
  #abandon(): void {
    if (this.#state !== "ground" && this.#state !== "string") {
      this.#state = "ground";
      this.removed += 1;
    }
    this.#sequence = "";
  }

  #emitText(text: string): void {
    for (let index = 0; index < text.length; index += 1) this.#emit(text.charCodeAt(index));
  }

  #emit(byte: number): void {
    this.#room(1);
    this.#out[this.#length] = byte;
    this.#length += 1;
  }

  #emitAll(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#out.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #room(size: number): void {
    if (this.#length + size <= this.#out.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#out.length * 2, this.#length + size));
    this.#out.copy(larger, 0, 0, this.#length);
    this.#out = larger;
  }

  #take(): Buffer {
    const taken = Buffer.from(this.#out.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }
}

/** How many bytes from `start` on are printable ASCII. */
function plainRun(bytes: Uint8Array, start: number): number {
  let at = start;
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x20 || byte > 0x7e) break;
  }
  return at - start;
}

/** Well-formed UTF-8 only (Unicode, table 3-7): no overlong forms, no surrogates, nothing over U+10FFFF. */
function continues(before: readonly number[], byte: number): boolean {
  if (byte < 0x80 || byte > 0xbf) return false;
  if (before.length > 1) return true;
  switch (before[0]) {
    case 0xe0:
      return byte >= 0xa0;
    case 0xed:
      return byte <= 0x9f;
    case 0xf0:
      return byte >= 0x90;
    case 0xf4:
      return byte <= 0x8f;
    default:
      return true;
  }
}
