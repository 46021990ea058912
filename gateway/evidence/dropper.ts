import { decodingOf, type Encoding } from "./decoder.ts";
import { unescaped } from "./shell-escapes.ts";
import type { Pipeline, ShellCommand, Word } from "./shell-text.ts";

/** A pipeline that puts bytes into a file, when they can be known from what was typed or sent. */
export interface Dropper {
  readonly from:
    | {
        readonly kind: "bytes";
        readonly way: "echo" | "printf" | "here-document";
        readonly bytes: Buffer;
        readonly exact: boolean;
      }
    | { readonly kind: "files"; readonly paths: readonly string[] }
    | { readonly kind: "standard input" };
  readonly decoded: Encoding | undefined;
  readonly to: { readonly path: string; readonly appends: boolean };
}

/** Undefined: it writes no file, or what it writes is some program's output. */
export function dropperOf(pipeline: Pipeline): Dropper | undefined {
  const [first, ...others] = pipeline.map(plainCommand);
  if (first === undefined) return undefined;
  let target = targetOf(first);
  const from = sourceOf(first);
  if (from === undefined) return undefined;
  let decoded = decodingOf(nameOf(first), first.words.slice(1))?.encoding;
  for (const command of others) {
    // What went into a file does not go on, but by tee.
    if (target !== undefined && nameOf(command) !== "tee") return undefined;
    const decoding = decodingOf(nameOf(command), command.words.slice(1));
    if (decoding !== undefined && decoding.files.length === 0 && decoded === undefined)
      decoded = decoding.encoding;
    else if (!isPassing(command)) return undefined;
    target = targetOf(command) ?? target;
  }
  if (target === undefined || target.path === "" || /^\/dev\//.test(target.path)) return undefined;
  return { from, decoded, to: target };
}

/** The file that a command empties without putting anything into it: `> FILE`, `: > FILE`. */
export function emptiedBy(pipeline: Pipeline): string | undefined {
  const [command, ...others] = pipeline;
  if (command === undefined || others.length > 0) return undefined;
  if (command.words.length > 0 && !["", ":", "true"].includes(nameOf(command))) return undefined;
  const target = targetOf(command);
  return target?.appends === false ? target.path : undefined;
}

function sourceOf(command: ShellCommand): Dropper["from"] | undefined {
  const name = nameOf(command);
  const operands = command.words.slice(1);
  if (name === "echo") return { kind: "bytes", way: "echo", ...echoed(operands) };
  if (name === "printf") {
    const printed = printedBy(operands);
    return printed === undefined ? undefined : { kind: "bytes", way: "printf", ...printed };
  }
  const decoding = decodingOf(name, operands);
  const files = name === "cat" ? operands.filter(({ text }) => text !== "-") : (decoding?.files ?? []);
  if (files.length > 0)
    return files.every(({ text, exact }) => exact && !text.startsWith("-"))
      ? { kind: "files", paths: files.map(({ text }) => text) }
      : undefined;
  if (!isPassing(command) && decoding === undefined) return undefined;
  const given = command.redirects.findLast(({ fd }) => fd === 0);
  switch (given?.how) {
    case "here-document": {
      const { text = "", exact = false, closed = false } = given.body ?? {};
      return {
        kind: "bytes",
        way: "here-document",
        bytes: Buffer.from(text, "latin1"),
        exact: exact && closed,
      };
    }
    case "here-string": {
      const bytes = Buffer.from(`${given.to.text}\n`, "latin1");
      return { kind: "bytes", way: "here-document", bytes, exact: given.to.exact };
    }
    case "read":
      return given.to.exact ? { kind: "files", paths: [given.to.text] } : undefined;
    case undefined:
      return { kind: "standard input" };
    default:
      return undefined;
  }
}

function targetOf(command: ShellCommand): Dropper["to"] | undefined {
  const redirect = command.redirects.findLast(
    ({ fd, how }) => fd === 1 && (how === "write" || how === "append"),
  );
  const name = nameOf(command);
  if (name === "tee") {
    const file = command.words.slice(1).find(({ text }) => !text.startsWith("-"));
    if (file !== undefined)
      return {
        path: file.text,
        appends: command.words.some(({ text }) => text === "-a" || text === "--append"),
      };
  }
  if (name === "dd") {
    const output = command.words.find(({ text }) => text.startsWith("of="));
    if (output !== undefined) return { path: output.text.slice(3), appends: false };
  }
  return redirect === undefined ? undefined : { path: redirect.to.text, appends: redirect.how === "append" };
}

/** Gives out what it is given. */
function isPassing(command: ShellCommand): boolean {
  const operands = command.words.slice(1).map(({ text }) => text);
  switch (nameOf(command)) {
    case "cat":
      return operands.every((operand) => operand === "-");
    case "tee":
      return true;
    case "dd":
      // With a place to begin or a number of blocks it gives out a part.
      return operands.every((operand) => /^(of|bs|status)=/.test(operand));
    default:
      return false;
  }
}

function nameOf(command: ShellCommand): string {
  const word = command.words[0]?.text ?? "";
  return word.slice(word.lastIndexOf("/") + 1);
}

/** Without what may stand before a command's own name. */
function plainCommand(command: ShellCommand): ShellCommand {
  let { words } = command;
  for (;;) {
    const name = nameOf({ ...command, words });
    if (!BEFORE.has(name) && !/^[A-Za-z_]\w*=/.test(name)) return { ...command, words };
    words = words.slice(1);
  }
}

const BEFORE: ReadonlySet<string> = new Set(
  "busybox command builtin exec sudo nohup env time ! { do then else if while until toybox".split(" "),
);

function echoed(operands: readonly Word[]): { bytes: Buffer; exact: boolean } {
  let words = [...operands];
  let escapes = false;
  let newline = true;
  for (
    let flags = /^-([neE]+)$/.exec(words[0]?.text ?? "");
    flags !== null;
    flags = /^-([neE]+)$/.exec(words[0]?.text ?? "")
  ) {
    for (const flag of flags[1] ?? "") {
      if (flag === "n") newline = false;
      else escapes = flag === "e";
    }
    words = words.slice(1);
  }
  const joined = words.map(({ text }) => text).join(" ");
  const { text, stopped } = escapes ? unescaped(joined, "echo") : { text: joined, stopped: false };
  return {
    bytes: Buffer.from(newline && !stopped ? `${text}\n` : text, "latin1"),
    exact: words.every(({ exact }) => exact),
  };
}

/** A format that only says `%s`, `%b` and `%%`, each word once. */
function printedBy(operands: readonly Word[]): { bytes: Buffer; exact: boolean } | undefined {
  const words = operands[0]?.text === "--" ? operands.slice(1) : operands;
  const [format, ...values] = words;
  const directives = format?.text.replaceAll("%%", "");
  if (format === undefined || directives === undefined || /%(?![sb])/.test(directives)) return undefined;
  const places = directives.match(/%/g)?.length ?? 0;
  if (values.length > places) return undefined;
  const given = values.map(({ text }) => text);
  let text = "";
  for (const part of format.text.split(/(%[sb%])/)) {
    if (part === "%%") text += "%";
    else if (part === "%s") text += given.shift() ?? "";
    else if (part === "%b") text += unescaped(given.shift() ?? "", "echo").text;
    else {
      const printed = unescaped(part, "printf");
      text += printed.text;
      if (printed.stopped) break;
    }
  }
  return { bytes: Buffer.from(text, "latin1"), exact: words.every(({ exact }) => exact) };
}
