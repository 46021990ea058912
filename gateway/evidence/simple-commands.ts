import type { ByteString } from "../model/bytes.ts";
import { BEFORE_COMMAND } from "./shell-nesting.ts";
import { reachesOf } from "./shell-flow.ts";
import type { ShellCommand, Word } from "./shell-text.ts";
import { readShell } from "./shell-words.ts";

/** One command of a compound line, quotes and escapes resolved. */
export interface SimpleCommand {
  /** Name and operands. Variables and `$(...)` stand as they were written. */
  readonly words: readonly ByteString[];
  readonly redirects: readonly {
    /** `>`, `>>`, `<`, `<<`, `<<<`, `&>`, `>&`, ... */
    readonly operator: string;
    /** The file; of a here-document its delimiter. */
    readonly target: ByteString;
    readonly fd: number;
    /** Of a here-document. */
    readonly body?: ByteString;
  }[];
  readonly assignments: readonly { readonly name: ByteString; readonly value: ByteString }[];
  /** It reads what the command before it in the list writes (`|`). */
  readonly piped: boolean;
  /** False: a variable or a command's output stands in it. */
  readonly exact: boolean;
  /** 0: of the text itself; else how deep in `$(...)`, backticks, `sh -c` or `eval`. */
  readonly depth: number;
  /** It stands where no shell comes to: behind `false &&` or `true ||`. */
  readonly unreached?: true;
}

/**
 * The simple commands of what was given to a shell, in their order: of lists, pipelines, subshells, loops and conditions. Those of
 * `$(...)`, backticks, `sh -c '...'` and `eval ...` follow the command in which they stand. Pure; never throws.
 * Bounded: the first MiB of the text, 10,000 commands, six levels.
 */
export function simpleCommands(text: ByteString): SimpleCommand[] {
  const found: SimpleCommand[] = [];
  gather(text.slice(0, LONGEST_TEXT), 0, found);
  return found;
}

const LONGEST_TEXT = 1024 * 1024;
const MOST_COMMANDS = 10_000;
const DEEPEST = 6;

type Unreached = Pick<SimpleCommand, "unreached">;

function gather(text: string, depth: number, found: SimpleCommand[], outer: Unreached = {}): void {
  const read = readShell(text);
  const reaches = reachesOf(read);
  for (const [place, pipeline] of read.pipelines.entries()) {
    const unreached: Unreached = reaches[place]?.reached === "never" ? { unreached: true } : outer;
    for (const [index, command] of pipeline.entries()) {
      if (found.length >= MOST_COMMANDS) return;
      const one = simple(command, index > 0, depth);
      if (one !== undefined) found.push({ ...one, ...unreached });
      if (depth >= DEEPEST) continue;
      for (const inner of command.inner) gather(inner, depth + 1, found, unreached);
      const given = one === undefined ? undefined : commandsIn(one.words);
      if (given !== undefined) gather(given, depth + 1, found, unreached);
    }
  }
}

function simple(command: ShellCommand, piped: boolean, depth: number): SimpleCommand | undefined {
  const words = withoutReserved(command.words);
  const assigned = words.findIndex(({ text }) => !ASSIGNMENT.test(text));
  const before = words.slice(0, assigned === -1 ? words.length : assigned);
  const rest = words.slice(before.length);
  if (words.length === 0 && command.redirects.length === 0) return undefined;
  return {
    words: rest.map(({ text }) => text as ByteString),
    redirects: command.redirects.map(({ operator, to, fd, body }) => ({
      operator,
      target: to.text as ByteString,
      fd,
      ...(body === undefined ? {} : { body: body.text as ByteString }),
    })),
    assignments: before.map(({ text }) => ({
      name: text.slice(0, text.indexOf("=")).replace(/\+$/, "") as ByteString,
      value: text.slice(text.indexOf("=") + 1) as ByteString,
    })),
    piped,
    exact: [...words, ...command.redirects.map(({ to }) => to)].every(({ exact }) => exact),
    depth,
  };
}

/** Without `if`, `do` and the like before the command, and without what is none: `for x in ...`, `done`. */
function withoutReserved(words: readonly Word[]): readonly Word[] {
  let first = 0;
  while (BEFORE_COMMAND.has(words[first]?.text ?? "")) first++;
  return NO_COMMAND.has(words[first]?.text ?? "") ? [] : words.slice(first);
}

/** What a shell is told to do by its operands. */
export function commandsIn(words: readonly string[]): string | undefined {
  const [first = "", ...operands] = words;
  const name = first.slice(first.lastIndexOf("/") + 1);
  if (name === "eval") return operands.join(" ");
  if (name === "busybox" || name === "sudo" || name === "nohup") return commandsIn(operands);
  if (!/^(?:ba|da|a|z|k)?sh$/.test(name)) return undefined;
  const flag = operands.findIndex((operand) => /^-[a-z]*c$/.test(operand));
  return flag === -1 ? undefined : operands[flag + 1];
}

const ASSIGNMENT = /^[A-Za-z_]\w*\+?=/;
const NO_COMMAND: ReadonlySet<string> = new Set("for select case function fi done esac } ;;".split(" "));
