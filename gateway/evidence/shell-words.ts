import { unescaped } from "./shell-escapes.ts";
import { putInBackground } from "./shell-flow.ts";
import { ShellNesting } from "./shell-nesting.ts";
import type { Flow, Pipeline, Redirect, ShellCommand, ShellText, Word } from "./shell-text.ts";
import { doubleQuoteEnd, escapedEnd, nestedEnd } from "./shell-scan.ts";

/**
 * Cuts what a shell reads into its pipelines, as a POSIX shell would, as far as quoting, redirection and nesting go.
 * What it does not understand becomes a word. Never throws; time grows with the text's length.
 */
export function readShell(text: string): ShellText {
  return new ShellReader(text).read();
}

interface AwaitedDocument {
  readonly redirects: Redirect[];
  readonly index: number;
  readonly stripsTabs: boolean;
  readonly quoted: boolean;
}

class ShellReader {
  readonly #text: string;
  #at = 0;
  readonly #pipelines: Pipeline[] = [];
  readonly #flows: Flow[] = [];
  #joined: Flow["joined"] = "always";
  readonly #nesting = new ShellNesting();
  #pipeline: ShellCommand[] = [];
  #words: Word[] = [];
  #redirects: Redirect[] = [];
  #inner: string[] = [];
  /** Here-documents whose bodies begin at the next line, by their redirects. */
  #documents: AwaitedDocument[] = [];
  /** The last operator wants something after it. */
  #wants = false;

  constructor(text: string) {
    this.#text = text;
  }

  read(): ShellText {
    let open = false;
    while (this.#at < this.#text.length && !open) {
      const operator = operatorAt(this.#text, this.#at);
      if (operator !== undefined && !this.#beginsWord(operator)) {
        this.#at += operator.length;
        open = !this.#operator(operator);
      } else if (this.#text[this.#at] === "#") {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end === -1 ? this.#text.length : end;
      } else open = !this.#plainWord();
    }
    this.#endPipeline(this.#nesting.isOpen);
    if (this.#documents.length > 0) open = true;
    const delimiter = documentOf(this.#documents[0])?.to.text;
    return {
      pipelines: this.#pipelines,
      flows: this.#flows,
      open: open || this.#wants || this.#nesting.isOpen,
      ...(delimiter === undefined ? {} : { delimiter }),
    };
  }

  /** `<(` and `>(` do. */
  #beginsWord(operator: string): boolean {
    return (operator === "<" || operator === ">") && this.#text[this.#at + 1] === "(";
  }

  #plainWord(): boolean {
    const start = this.#at;
    const word = this.#word();
    if (word === undefined) return false;
    this.#wants = false;
    this.#nesting.word(this.#text.slice(start, Math.min(this.#at, start + 16)), this.#words.length);
    this.#words.push(word);
    return true;
  }

  /** False: the text is not finished. */
  #operator(operator: string): boolean {
    const symbol = operator.replace(/^\d+/, "").trim();
    if (symbol === "") {
      if (operator.includes("\n")) this.#newline();
      return true;
    }
    if (/[<>]/.test(symbol)) return this.#redirect(operator, symbol);
    const within = this.#nesting.isOpen;
    this.#wants = symbol === "|" || symbol === "|&" || symbol === "&&" || symbol === "||";
    if (symbol === "(") this.#nesting.parenthesis();
    else if (symbol === ")" && this.#nesting.closes()) {
      // A pattern of `case`, perhaps `a|b`.
      this.#words = [];
      this.#pipeline = [];
    }
    if (symbol === "|" || symbol === "|&") this.#endCommand();
    else {
      this.#endPipeline(within);
      if (symbol === "&") putInBackground(this.#flows);
      this.#joined = symbol === "&&" ? "success" : symbol === "||" ? "failure" : "always";
    }
    return true;
  }

  #newline(): void {
    this.#endPipeline(this.#nesting.isOpen);
    if (!this.#wants) this.#joined = "always";
    for (const document of this.#documents.splice(0)) {
      if (this.#at > this.#text.length) this.#documents.push(document);
      else this.#document(document);
    }
  }

  #redirect(operator: string, symbol: string): boolean {
    const digits = /^\d+/.exec(operator)?.[0];
    const fd = digits === undefined ? (symbol.startsWith("<") ? 0 : 1) : Number(digits);
    while (/[ \t]/.test(this.#text[this.#at] ?? "")) this.#at++;
    const start = this.#at;
    const to = this.#word();
    if (to === undefined) return false;
    const how = HOW[symbol] ?? "descriptor";
    this.#redirects.push({ fd, how, operator: symbol, to });
    if (how === "here-document")
      this.#documents.push({
        redirects: this.#redirects,
        index: this.#redirects.length - 1,
        stripsTabs: symbol === "<<-",
        quoted: /['"\\]/.test(this.#text.slice(start, this.#at)),
      });
    return true;
  }

  #document({ redirects, index, stripsTabs, quoted }: AwaitedDocument): void {
    const redirect = redirects[index];
    if (redirect === undefined) return;
    const lines: string[] = [];
    let closed = false;
    while (!closed && this.#at < this.#text.length) {
      const feed = this.#text.indexOf("\n", this.#at);
      const end = feed === -1 ? this.#text.length : feed;
      const raw = this.#text.slice(this.#at, end);
      const line = stripsTabs ? raw.replace(/^\t+/, "") : raw;
      this.#at = end + 1;
      closed = line === redirect.to.text;
      if (!closed) lines.push(`${line}\n`);
    }
    const written = lines.join("");
    const read = quoted ? { text: written, exact: true } : expanded(written, /\\([$`\\]|\n)/g);
    redirects[index] = { ...redirect, body: { ...read, closed } };
    if (!closed) this.#documents.push({ redirects, index, stripsTabs, quoted });
  }

  #endCommand(): void {
    if (this.#words.length > 0 || this.#redirects.length > 0)
      this.#pipeline.push({ words: this.#words, redirects: this.#redirects, inner: this.#inner });
    this.#words = [];
    this.#redirects = [];
    this.#inner = [];
    this.#nesting.commandEnds();
  }

  #endPipeline(within: boolean): void {
    this.#endCommand();
    if (this.#pipeline.length === 0) return;
    this.#pipelines.push(this.#pipeline);
    this.#flows.push({ joined: this.#joined, within, background: false });
    this.#pipeline = [];
  }

  /** Up to what ends a word. Undefined: the text ends inside of it. */
  #word(): Word | undefined {
    const parts: string[] = [];
    let exact = true;
    for (;;) {
      const plain = PLAIN.exec(this.#text.slice(this.#at, this.#at + 4096))?.[0] ?? "";
      parts.push(plain);
      this.#at += plain.length;
      if (plain.length === 4096) continue;
      const character = this.#text[this.#at];
      const next = this.#text[this.#at + 1];
      if (character === undefined) break;
      if ((character === "<" || character === ">") && next === "(" && parts.join("") === "") {
        const inner = this.#between(2, nestedEnd(this.#text, this.#at + 2, ")"));
        if (inner === undefined) return undefined;
        parts.push(`${character}(${inner})`);
        this.#inner.push(inner);
        exact = false;
      } else if (" \t\n;&|<>()".includes(character)) break;
      else if (character === "\\") {
        if (next === undefined) return undefined;
        this.#at += 2;
        if (next !== "\n") parts.push(next);
        else if (this.#at >= this.#text.length) return undefined;
      } else if (character === "'") {
        const quoted = this.#between(1, this.#text.indexOf("'", this.#at + 1));
        if (quoted === undefined) return undefined;
        parts.push(quoted);
      } else if (character === '"') {
        const quoted = this.#between(1, doubleQuoteEnd(this.#text, this.#at + 1));
        if (quoted === undefined) return undefined;
        this.#innerOf(quoted);
        const word = expanded(quoted, /\\([$`"\\]|\n)/g);
        parts.push(word.text);
        exact &&= word.exact;
      } else if (character === "$" && next === "'") {
        const quoted = this.#between(2, escapedEnd(this.#text, this.#at + 2, "'"));
        if (quoted === undefined) return undefined;
        parts.push(unescaped(quoted, "printf").text);
      } else {
        // A variable, or a command's output.
        const substituted = this.#substitution(character, next);
        if (substituted === undefined) return undefined;
        parts.push(substituted);
        exact = false;
      }
    }
    return { text: parts.join(""), exact };
  }

  #substitution(character: string, next: string | undefined): string | undefined {
    if (character === "`") {
      const inner = this.#between(1, escapedEnd(this.#text, this.#at + 1, "`"));
      if (inner !== undefined) this.#inner.push(inner.replace(/\\([`\\$])/g, "$1"));
      return inner === undefined ? undefined : `\`${inner}\``;
    }
    if (next === "(" || next === "{") {
      const closing = next === "(" ? ")" : "}";
      const inner = this.#between(2, nestedEnd(this.#text, this.#at + 2, closing));
      if (inner !== undefined && next === "(" && !inner.startsWith("(")) this.#inner.push(inner);
      return inner === undefined ? undefined : `$${next}${inner}${closing}`;
    }
    this.#at++;
    return character;
  }

  /** What stands between the opening, of that length, and the closing; goes past both. */
  #between(opening: number, closing: number): string | undefined {
    if (closing === -1) return undefined;
    const inner = this.#text.slice(this.#at + opening, closing);
    this.#at = closing + 1;
    return inner;
  }

  #innerOf(quoted: string): void {
    for (let at = 0; at < quoted.length; at++) {
      const character = quoted[at];
      if (character === "\\") at++;
      else if (character === "`" || (character === "$" && quoted[at + 1] === "(")) {
        const begin = at + (character === "`" ? 1 : 2);
        const end = character === "`" ? escapedEnd(quoted, begin, "`") : nestedEnd(quoted, begin, ")");
        if (end === -1) return;
        if (quoted[begin] !== "(") this.#inner.push(quoted.slice(begin, end));
        at = end;
      }
    }
  }
}

function documentOf(awaited: AwaitedDocument | undefined): Redirect | undefined {
  return awaited?.redirects[awaited.index];
}

/** What a shell does inside of double quotes, or in a here-document: some backslashes go, variables would be put in. */
function expanded(text: string, backslashed: RegExp): Word {
  const exact = !/(?:^|[^\\])(?:\\\\)*[$`]/.test(text);
  return { text: text.replace(backslashed, (_, kept: string) => (kept === "\n" ? "" : kept)), exact };
}

const HOW: Readonly<Record<string, Redirect["how"]>> = {
  "<<": "here-document",
  "<<-": "here-document",
  "<<<": "here-string",
  "<": "read",
  "<>": "read",
  ">": "write",
  ">|": "write",
  "&>": "write",
  ">>": "append",
  "&>>": "append",
};

function operatorAt(text: string, at: number): string | undefined {
  const first = text[at] ?? "";
  if ("()\n".includes(first)) return first;
  return " \t<>&|;0123456789".includes(first)
    ? OPERATOR.exec(text.slice(at, at + LONGEST_OPERATOR))?.[0]
    : undefined;
}

const OPERATOR = /^(?:[ \t]+|\n|\d*(?:<<<|<<-|<<|<&|<>|<|>>|>&|>\||>)|&>>|&>|&&|&|\|\||\|&|\||;;|;|\(|\))/;
const LONGEST_OPERATOR = 64;
/** Characters without a meaning of their own. */
const PLAIN = /^[^ \t\n;&|<>()\\'"$`]{1,4096}/;
