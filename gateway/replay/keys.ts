import { StringDecoder } from "node:string_decoder";

/** A key as it is named here: a character, or one of these. */
const NAMED: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  F: "end",
  H: "home",
};
const NUMBERED: Readonly<Record<string, string>> = { 1: "home", 4: "end", 7: "home", 8: "end" };
/** Of a sequence that does not end. */
const LONGEST_SEQUENCE = 32;

/**
 * What an operator's terminal sends, as keys: `a`, `right`, `shift-right`, `escape`, `backspace`, `enter`.
 * An ESC with nothing behind it in the same read is the key; terminals write a sequence at once.
 */
export class Keys {
  readonly #decoder = new StringDecoder("utf8");
  /** Of a sequence that was cut between two reads. */
  #rest = "";

  read(bytes: Buffer): string[] {
    let text = this.#rest + this.#decoder.write(bytes);
    this.#rest = "";
    const keys: string[] = [];
    while (text !== "") {
      const taken = text.startsWith("\x1b") ? sequence(text) : plain(text);
      if (taken === undefined) {
        if (text.length <= LONGEST_SEQUENCE) this.#rest = text;
        break;
      }
      if (taken.key !== undefined) keys.push(taken.key);
      text = text.slice(taken.length);
    }
    return keys;
  }
}

/** `key` undefined: a sequence that is no key of ours, such as a terminal's answer to somebody else. */
interface Taken {
  readonly key: string | undefined;
  readonly length: number;
}

function plain(text: string): Taken {
  const [character = ""] = text;
  const length = character.length;
  if (character === "\r" || character === "\n") return { key: "enter", length };
  if (character === "\x7f" || character === "\b") return { key: "backspace", length };
  return { key: character, length };
}

/** Undefined: more of it must come. */
function sequence(text: string): Taken | undefined {
  if (text.length === 1 || text[1] === "\x1b") return { key: "escape", length: 1 };
  // SS3: cursor keys of a terminal in application mode.
  if (text[1] === "O") return text.length < 3 ? undefined : { key: NAMED[text[2] ?? ""], length: 3 };
  // ESC before a character: Alt with it, which means nothing here.
  if (text[1] !== "[")
    return { key: undefined, length: 1 + String.fromCodePoint(text.codePointAt(1) ?? 0).length };
  // eslint-disable-next-line no-control-regex
  const found = /^\x1b\[([0-9;:<=>?]*)[ -/]*([@-~])/.exec(text);
  if (found === null) {
    // eslint-disable-next-line no-control-regex
    return /^\x1b\[[ -?]*$/.test(text) ? undefined : { key: "escape", length: 1 };
  }
  const [whole, parameters = "", final = ""] = found;
  const [first = "", modifier = ""] = parameters.split(";");
  const name = final === "~" ? NUMBERED[first] : NAMED[final];
  // xterm: 1 and the bits of shift 1, Alt 2, Ctrl 4.
  const held = modifier !== "" && modifier !== "1";
  return { key: name === undefined ? undefined : `${held ? "shift-" : ""}${name}`, length: whole.length };
}
