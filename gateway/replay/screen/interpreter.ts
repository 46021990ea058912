import type { ScreenModel } from "./model.ts";

/** Of a parameter: more than any screen has rows or columns. */
const MOST = 32_767;
/* eslint-disable no-control-regex */
const TEXT = /[^\x00-\x1f\x7f]+/y;
const ASCII = /^[ -~]*$/;
const CSI = /\x1b\[([<=>?]?)([0-9;:]*)([ -/]*)([@-~])/y;
const ESCAPE = /\x1b([ -/]*)([0-~])/y;
/* eslint-enable no-control-regex */

/**
 * Applies to a model what the terminal guard let through: whole sequences, of the kinds that the guard's rules name.
 * What it does not know changes nothing.
 */
export class Interpreter {
  readonly #model: ScreenModel;
  readonly #decoder: TextDecoder;
  #last = " ";

  constructor(model: ScreenModel, utf8: boolean) {
    this.#model = model;
    this.#decoder = new TextDecoder(utf8 ? "utf-8" : "latin1", { ignoreBOM: true });
  }

  write(guarded: Uint8Array): void {
    const text = this.#decoder.decode(guarded, { stream: true });
    for (let at = 0; at < text.length;) at = this.#next(text, at);
  }

  #next(text: string, at: number): number {
    const code = text.charCodeAt(at);
    if (code >= 0x20 && code !== 0x7f) {
      TEXT.lastIndex = at;
      const run = TEXT.exec(text)?.[0] ?? "";
      if (ASCII.test(run)) {
        this.#last = run.slice(-1);
        this.#model.putAscii(run);
      } else {
        for (const character of run) this.#model.put((this.#last = character));
      }
      return at + run.length;
    }
    if (code !== 0x1b) {
      this.#control(code);
      return at + 1;
    }
    CSI.lastIndex = at;
    const csi = CSI.exec(text);
    if (csi !== null) {
      const [whole, prefix = "", parameters = "", intermediates = "", final = ""] = csi;
      this.#csi(prefix + intermediates + final, parameters);
      return at + whole.length;
    }
    ESCAPE.lastIndex = at;
    const escape = ESCAPE.exec(text);
    if (escape === null) return at + 1;
    this.#escape(escape[1] ?? "", escape[2] ?? "");
    return at + escape[0].length;
  }

  #control(code: number): void {
    const model = this.#model;
    switch (code) {
      case 0x08:
        model.moveColumns(-1);
        break;
      case 0x09:
        model.tab(1);
        break;
      case 0x0a:
      case 0x0b:
      case 0x0c:
        model.lineFeed();
        if (model.newline) model.carriageReturn();
        break;
      case 0x0d:
        model.carriageReturn();
        break;
      case 0x0e:
        model.pen.charsets.use(1);
        break;
      case 0x0f:
        model.pen.charsets.use(0);
        break;
    }
  }

  #escape(intermediates: string, final: string): void {
    const model = this.#model;
    if (intermediates !== "") {
      if (intermediates === "#" && final === "8") model.fillWithE();
      else model.pen.charsets.designate(intermediates, final);
      return;
    }
    switch (final) {
      case "7":
        model.save();
        break;
      case "8":
        model.restore();
        break;
      case "D":
        model.lineFeed();
        break;
      case "E":
        model.carriageReturn();
        model.lineFeed();
        break;
      case "H":
        model.setTab();
        break;
      case "M":
        model.reverseLineFeed();
        break;
      case "N":
      case "O":
        model.pen.charsets.useOnce(final === "N" ? 2 : 3);
        break;
      case "n":
      case "o":
        model.pen.charsets.use(final === "n" ? 2 : 3);
        break;
    }
  }

  #csi(name: string, parameters: string): void {
    const model = this.#model;
    const numbers = parameters.split(";").map((one) => Math.min(Number.parseInt(one, 10) || 0, MOST));
    const first = numbers[0] ?? 0;
    const count = Math.max(1, first);
    switch (name) {
      case "@":
        model.insertCells(count);
        break;
      case "A":
        model.moveRows(-count);
        break;
      case "B":
      case "e":
        model.moveRows(count);
        break;
      case "C":
      case "a":
        model.moveColumns(count);
        break;
      case "D":
        model.moveColumns(-count);
        break;
      case "E":
      case "F":
        model.moveRows(name === "E" ? count : -count);
        model.carriageReturn();
        break;
      case "G":
      case "`":
        model.toColumn(count - 1);
        break;
      case "H":
      case "f":
        model.toRow(count - 1);
        model.toColumn(Math.max(1, numbers[1] ?? 1) - 1);
        break;
      case "I":
        model.tab(count);
        break;
      case "J":
      case "?J":
        model.eraseInScreen(first);
        break;
      case "K":
      case "?K":
        model.eraseInLine(first);
        break;
      case "L":
        model.insertLines(count);
        break;
      case "M":
        model.deleteLines(count);
        break;
      case "P":
        model.deleteCells(count);
        break;
      case "S":
        model.scrollUp(count);
        break;
      case "T":
        model.scrollDown(count);
        break;
      case "X":
        model.eraseCells(count);
        break;
      case "Z":
        model.tab(-count);
        break;
      case "b":
        for (let left = count; left > 0; left -= 1) model.put(this.#last);
        break;
      case "d":
        model.toRow(count - 1);
        break;
      case "g":
        if (first === 0 || first === 3) model.clearTabs(first === 3);
        break;
      case "h":
      case "l":
        for (const mode of numbers) this.#ansiMode(mode, name === "h");
        break;
      case "?h":
      case "?l":
        for (const mode of numbers) this.#privateMode(mode, name === "?h");
        break;
      case "m":
        model.pen.rendition.apply(parameters);
        break;
      case "r":
        model.margins(count - 1, (numbers[1] ?? 0) === 0 ? model.rows - 1 : (numbers[1] ?? 0) - 1);
        break;
      case "s":
        model.save();
        break;
      case "u":
        model.restore();
        break;
      case "!p":
        model.softReset();
        break;
      case " q":
        model.cursorShape = String(first);
        break;
    }
  }

  #ansiMode(mode: number, on: boolean): void {
    if (mode === 4) this.#model.insert = on;
    else if (mode === 20) this.#model.newline = on;
  }

  #privateMode(mode: number, on: boolean): void {
    const model = this.#model;
    switch (mode) {
      case 5:
        model.reversed = on;
        break;
      case 6:
        model.origin(on);
        break;
      case 7:
        model.wrap = on;
        if (!on) model.pen.wrapping = false;
        break;
      case 25:
        model.cursorShown = on;
        break;
      case 47:
      case 1047:
        model.other(on);
        break;
      case 1048:
        if (on) model.save();
        else model.restore();
        break;
      case 1049: {
        if (on === model.onOther) break;
        if (on) model.save();
        model.other(on);
        if (!on) model.restore();
        break;
      }
    }
  }
}
