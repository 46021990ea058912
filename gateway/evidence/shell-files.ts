import { Complaints } from "./complaints.ts";
import { dropperOf, emptiedBy, type Dropper } from "./dropper.ts";
import { fateOf, type Doubt } from "./fates.ts";
import type { GrowingFiles, OpenFate } from "./growing-files.ts";
import { isSilenced, leavesDoubt, namesOf, reachesOf, type Reach } from "./shell-flow.ts";
import type { Pipeline, ShellCommand, ShellText } from "./shell-text.ts";
import { readShell } from "./shell-words.ts";
import { commandsIn } from "./simple-commands.ts";
import { Writing } from "./writing.ts";

/** Shells that start shells. */
const DEEPEST = 3;
/** Commands of one channel of which it is not known whether they were run, and programs that they started. */
const MOST_OPEN = 1024;
const MOST_RUN = 1024;

/** A command that writes a file, while it is not known whether it was run. */
interface Open extends Omit<Doubt, "isRun"> {
  readonly fate: OpenFate;
  /** Of the command in its channel. */
  readonly number: number;
  /** Undefined: what it is called there is not known. */
  readonly path: string | undefined;
  readonly programs: readonly string[];
  /** What was said of it until the shell's next prompt; absent before that. */
  known?: Omit<Doubt, "isRun"> & { readonly isRun: boolean; readonly said: ReturnType<Complaints["of"]> };
}

/** What is given with a command. */
export interface Given {
  readonly text: string;
  readonly exact: boolean;
  /** Counted from 1 in its channel. */
  readonly number: number;
  /** Nanoseconds since the session's start. */
  readonly startedAt: bigint;
}

/**
 * Reads a shell's commands one after the other, and writes the files that they make out of what stands in them. Whether they did is
 * told by what was printed until the command's end, and by its exit status.
 */
export class ShellFiles {
  readonly #files: GrowingFiles;
  readonly #channel: number;
  /** What the channel sends from now on goes there: the first command that reads it. */
  #input: Writing | undefined;
  /** Nothing comes for it any more, but some of what came may yet be told. */
  #isInputOver = false;
  readonly #complaints = new Complaints();
  #open: Open[] = [];
  /** Programs that were started since the last prompt, as they were called. */
  readonly #run = new Set<string>();
  /** The shell may have ended, or a program may have read what came after it. */
  #isDoubtful = false;
  /** By `exec 2>...` its errors go elsewhere. */
  #isSilent = false;

  constructor(files: GrowingFiles, channel: number) {
    this.#files = files;
    this.#channel = channel;
  }

  /** A whole command, with its here-documents. */
  command(given: Given): void {
    const read = readShell(given.text);
    this.#pipelines(read, given, undefined, 0);
    this.#isDoubtful ||= leavesDoubt(read);
  }

  /** A line that was printed. */
  printed(line: string): void {
    if (this.#open.length > 0) this.#complaints.line(line);
  }

  /** What came on standard error, or on a terminal. */
  errors(bytes: Buffer): void {
    if (this.#open.length > 0) this.#complaints.push(bytes);
  }

  /** The command is over, and so are those before it. @param status where it is known. */
  ended(number: number, status: number | undefined): void {
    const waiting: Open[] = [];
    for (const one of this.#open) {
      one.known ??= {
        ...one,
        isRun: this.#isRun(one.path),
        said: this.#complaints.of(one.path, one.programs),
      };
      const fate = fateOf(one.known, one.known.said, one.number === number ? status : undefined);
      // The next command may print its status.
      if (fate === "unknown" && status === undefined && one.number === number) waiting.push(one);
      else one.fate.settle(fate);
    }
    this.#open = waiting;
    this.#complaints.clear();
    this.#run.clear();
    this.#isDoubtful = false;
  }

  /**
   * A prompt stands there: whatever read what was sent before is done. What that was is told up to the next command: a shell
   * that shows the lines sent ahead may take the last of them.
   */
  prompted(): void {
    this.#isInputOver = true;
  }

  /** A line that was typed while a command ran: it may have been for that, or not. */
  typed(text: string): void {
    this.#input?.write(Buffer.from(`${text}\n`, "latin1"), false);
  }

  /** A command reads whatever comes. */
  get readsInput(): boolean {
    return this.#input !== undefined;
  }

  /** What comes for that command. */
  input(bytes: Buffer): void {
    this.#input?.write(bytes, true);
  }

  /** @param inOrder the sender said that it was all. */
  end(inOrder: boolean): void {
    this.#input?.end(inOrder || this.#isInputOver);
    this.#input = undefined;
    this.#isInputOver = false;
  }

  /** Nothing more will be known of it. */
  over(): void {
    for (const { fate } of this.#open) fate.settle("unknown");
    this.#open = [];
  }

  #pipelines(read: ShellText, given: Given, outer: Reach | undefined, depth: number): void {
    const reaches = reachesOf(read);
    for (const [index, pipeline] of read.pipelines.entries()) {
      const reach = within(outer, reaches[index], this.#isDoubtful);
      if (reach.reached === "never") continue;
      this.#started(pipeline);
      this.#isSilent ||= pipeline.some((one) => wordsOf(one).at(-1) === "exec" && isSilenced(one.redirects));
      const emptied = emptiedBy(pipeline);
      if (emptied !== undefined && reach.reached === "always") this.#files.empty(emptied);
      const [first] = pipeline;
      const inner = pipeline.length === 1 ? commandsIn(wordsOf(first)) : undefined;
      if (inner !== undefined && depth < DEEPEST) {
        const exact = given.exact && first?.words.every((word) => word.exact) === true;
        const isSilent = first !== undefined && isSilenced(first.redirects);
        const here: Reach = isSilent && reach.reached === "always" ? { ...reach, reached: "unsaid" } : reach;
        this.#pipelines(readShell(inner), { ...given, exact }, here, depth + 1);
      }
      const dropper = dropperOf(pipeline);
      if (dropper !== undefined) this.#drop(dropper, pipeline, reach, given);
    }
  }

  #drop(dropper: Dropper, pipeline: Pipeline, reach: Reach, { exact, number, startedAt }: Given): void {
    const { from, decoded, to } = dropper;
    // One channel has one input, which the first to read it reads to its end.
    if (from.kind === "standard input" && this.#input !== undefined) return;
    const source = from.kind === "files" ? this.#files.contentsOf(from.paths) : from;
    if (source === undefined) return;
    const file = this.#files.open(dropper, this.#channel, startedAt);
    this.#open.push({
      fate: this.#files.fateOf(file),
      number,
      path: /[$`~*?[{]/.test(to.path) ? undefined : to.path,
      programs: [...reach.behind, ...namesOf(pipeline)],
      reach: exact || reach.reached === "never" ? reach : { ...reach, reached: "perhaps" },
      plain: pipeline.length === 1 && from.kind === "bytes",
      silenced: this.#isSilent || pipeline.some(({ redirects }) => isSilenced(redirects)),
    });
    if (this.#open.length > MOST_OPEN) this.#open.shift()?.fate.settle("unknown");
    const writing = new Writing(this.#files, file, decoded);
    if ("bytes" in source) {
      writing.write(source.bytes, source.exact && exact);
      writing.end(true);
    } else this.#input = writing;
  }

  #started(pipeline: Pipeline): void {
    if (this.#run.size >= MOST_RUN) return;
    for (const command of pipeline) this.#run.add(wordsOf(command)[0] ?? "");
  }

  #isRun(path: string | undefined): boolean {
    return path === undefined || this.#run.size >= MOST_RUN || this.#run.has(path);
  }
}

/** Of what a shell is told that another one starts. */
function within(outer: Reach | undefined, own: Reach | undefined, isDoubtful: boolean): Reach {
  const reach = own ?? { reached: "perhaps", behind: [], proven: false, last: false };
  const both =
    outer === undefined
      ? reach
      : {
          reached: ORDER.find((one) => one === outer.reached || one === reach.reached) ?? "perhaps",
          behind: [...outer.behind, ...reach.behind],
          proven: outer.proven && outer.last && reach.proven,
          last: outer.last && reach.last,
        };
  return isDoubtful && both.reached !== "never" ? { ...both, reached: "perhaps", proven: false } : both;
}

/** The weakest first. */
const ORDER = ["never", "perhaps", "unsaid", "always"] as const;

function wordsOf(command: ShellCommand | undefined): string[] {
  return command?.words.map(({ text }) => text) ?? [];
}
