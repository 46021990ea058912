import { unescaped } from "../../evidence/shell-escapes.ts";

/** A word after quotes and backslashes were taken off. */
export interface Word {
  readonly text: string;
  /** False: a variable or a command stands in it, as it was written: what it became is not known. */
  readonly exact: boolean;
}

export interface Redirect {
  readonly fd: number;
  readonly how: "write" | "append" | "read" | "here-string" | "here-document";
  readonly to: Word;
  /** Of a here-document. */
  readonly stripsTabs?: boolean;
  readonly quoted?: boolean;
}

export interface SimpleCommand {
  readonly words: readonly Word[];
  readonly redirects: readonly Redirect[];
}

/** Commands that are joined by `|`. */
export type Pipeline = readonly SimpleCommand[];

/**
 * Cuts a command line into its pipelines, as a POSIX shell would, as far as quoting and redirection go. Undefined: it is not finished, a
 * quote is open or a backslash stands at its end. What it does not understand becomes a word.
 */
export function pipelinesOf(line: string): Pipeline[] | undefined {
  const reader = new LineReader(line);
  return reader.read();
}

class LineReader {
  readonly #line: string;
  #at = 0;
  #pipelines: Pipeline[] = [];
  #pipeline: SimpleCommand[] = [];
  #words: Word[] = [];
  #redirects: Redirect[] = [];

  constructor(line: string) {
    this.#line = line;
  }

  read(): Pipeline[] | undefined {
    while (this.#at < this.#line.length) {
      const operator = OPERATOR.exec(this.#line.slice(this.#at, this.#at + LONGEST_OPERATOR))?.[0];
      if (operator !== undefined) {
        this.#at += operator.length;
        if (!this.#operator(operator)) return undefined;
      } else if (this.#line[this.#at] === "#") {
        const end = this.#line.indexOf("\n", this.#at);
        this.#at = end === -1 ? this.#line.length : end;
      } else {
        const word = this.#word();
        if (word === undefined) return undefined;
        this.#words.push(word);
      }
    }
    this.#endPipeline();
    return this.#pipelines;
  }

  /** False: the line is not finished. */
  #operator(operator: string): boolean {
    const symbol = operator.replace(/^\d+/, "").trim();
    if (symbol === "") return true; // blanks
    if (symbol === "|" || symbol === "|&") {
      this.#endCommand();
      return true;
    }
    if (!/[<>]/.test(symbol)) {
      this.#endPipeline();
      return true;
    }
    const digits = /^\d+/.exec(operator)?.[0];
    const fd = digits === undefined ? (symbol.startsWith("<") ? 0 : 1) : Number(digits);
    while (/[ \t]/.test(this.#line[this.#at] ?? "")) this.#at++;
    const start = this.#at;
    const to = this.#word();
    if (to === undefined) return false;
    if (symbol === "<<" || symbol === "<<-") {
      const quoted = /['"\\]/.test(this.#line.slice(start, this.#at));
      this.#redirects.push({ fd, how: "here-document", to, stripsTabs: symbol === "<<-", quoted });
    } else if (symbol === "<<<") this.#redirects.push({ fd, how: "here-string", to });
    else if (symbol.endsWith(">>")) this.#redirects.push({ fd, how: "append", to });
    else if (symbol === "<") this.#redirects.push({ fd, how: "read", to });
    // A descriptor made the same as another leads to no file.
    else if (symbol === ">" || symbol === ">|" || symbol === "&>")
      this.#redirects.push({ fd, how: "write", to });
    return true;
  }

  #endCommand(): void {
    if (this.#words.length > 0 || this.#redirects.length > 0)
      this.#pipeline.push({ words: this.#words, redirects: this.#redirects });
    this.#words = [];
    this.#redirects = [];
  }

  #endPipeline(): void {
    this.#endCommand();
    if (this.#pipeline.length > 0) this.#pipelines.push(this.#pipeline);
    this.#pipeline = [];
  }

  /** Up to what ends a word. Undefined: the line ends inside of it. */
  #word(): Word | undefined {
    const parts: string[] = [];
    let exact = true;
    for (;;) {
      const plain = PLAIN.exec(this.#line.slice(this.#at, this.#at + 4096))?.[0] ?? "";
      parts.push(plain);
      this.#at += plain.length;
      if (plain.length === 4096) continue;
      const character = this.#line[this.#at];
      if (character === undefined || " \t\n;&|<>()".includes(character)) break;
      this.#at++;
      if (character === "\\") {
        const next = this.#line[this.#at++];
        if (next === undefined) return undefined;
        if (next !== "\n") parts.push(next);
      } else if (character === "'") {
        const end = this.#line.indexOf("'", this.#at);
        if (end === -1) return undefined;
        parts.push(this.#line.slice(this.#at, end));
        this.#at = end + 1;
      } else if (character === '"') {
        const quoted = this.#inDoubleQuotes();
        if (quoted === undefined) return undefined;
        parts.push(quoted.text);
        exact &&= quoted.exact;
      } else if (character === "$" && this.#line[this.#at] === "'") {
        const end = /^'((?:[^'\\]|\\[^])*)'/.exec(this.#line.slice(this.#at));
        if (end === null) return undefined;
        parts.push(unescaped(end[1] ?? "", "printf").text);
        this.#at += end[0].length;
      } else {
        // A variable, or a command's output.
        parts.push(character);
        exact = false;
      }
    }
    return { text: parts.join(""), exact };
  }

  #inDoubleQuotes(): Word | undefined {
    const match = /^((?:[^"\\]|\\[^])*)"/.exec(this.#line.slice(this.#at));
    if (match === null) return undefined;
    this.#at += match[0].length;
    return expanded(match[1] ?? "", /\\([$`"\\]|\n)/g);
  }
}

/** What a shell does inside of double quotes, or in a here-document: some backslashes go, variables would be put in. */
export function expanded(text: string, backslashed: RegExp): Word {
  const exact = !/(?:^|[^\\])(?:\\\\)*[$`]/.test(text);
  return { text: text.replace(backslashed, (_, kept: string) => (kept === "\n" ? "" : kept)), exact };
}

const OPERATOR = /^(?:[ \t]+|\n|\d*(?:<<<|<<-|<<|<&|<>|<|>>|>&|>\||>)|&>>|&>|&&|&|\|\||\|&|\||;;|;|\(|\))/;
const LONGEST_OPERATOR = 64;
/** Characters without a meaning of their own. */
const PLAIN = /^[^ \t\n;&|<>()\\'"$`]{1,4096}/;
