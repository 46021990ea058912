import type { Flow, Pipeline, ShellText } from "./shell-text.ts";

/** What a text says of whether one of its pipelines is run. */
export interface Reach {
  /**
   * always: nothing stands before it that could keep it from being run, or what does says so when it fails.
   * unsaid: after `&&`, and what stands before it may fail without a word. perhaps: nobody can say. never: it is not.
   */
  readonly reached: "always" | "unsaid" | "perhaps" | "never";
  /** Programs before it that it waits for, by `&&`. */
  readonly behind: readonly string[];
  /** The status 0 of the whole text says that it was run, and ended well. */
  readonly proven: boolean;
  /** It is the last one, so that the text's status is its own. */
  readonly last: boolean;
}

/** The last one of a list, with what it is joined to, ends in `&`. */
export function putInBackground(flows: Flow[]): void {
  for (let index = flows.length - 1; index >= 0; index--) {
    const flow = flows[index];
    if (flow === undefined || flow.background) return;
    flows[index] = { ...flow, background: true };
    if (flow.joined === "always") return;
  }
}

/** Of each pipeline of a text. Pure. */
export function reachesOf({ pipelines, flows }: ShellText): Reach[] {
  const reaches: Omit<Reach, "proven" | "last">[] = [];
  let behind: string[] = [];
  /** The shell may have ended. */
  let isDoubtful = false;
  let before: Reach["reached"] = "always";
  for (const [index, flow] of flows.entries()) {
    const previous = pipelines[index - 1];
    const chained: Reach["reached"] = previous === undefined ? "always" : after(before, flow, previous);
    before = chained;
    const isOpen = flow.within || flow.background || isDoubtful;
    behind = flow.joined === "always" ? [] : [...behind, ...namesOf(previous)].slice(-MOST_BEHIND);
    reaches.push({ reached: isOpen && chained !== "never" ? "perhaps" : chained, behind });
    isDoubtful ||= endsShell(pipelines[index]);
  }
  let isProving = true;
  const proven: boolean[] = [];
  for (let index = flows.length - 1; index >= 0; index--) {
    const [flow, next] = [flows[index], flows[index + 1]];
    if (next !== undefined && next.joined !== "success") isProving = false;
    if (flow === undefined || flow.within || flow.background || flow.joined === "failure") isProving = false;
    proven[index] = isProving;
  }
  return reaches.map((reach, index) => ({
    ...reach,
    proven: proven[index] === true,
    last: index === flows.length - 1,
  }));
}

function after(before: Reach["reached"], { joined }: Flow, previous: Pipeline): Reach["reached"] {
  if (joined === "always") return "always";
  const [name = ""] = previous.length === 1 ? namesOf(previous) : [];
  if (joined === "failure") return before === "always" && NEVER_FAIL.has(name) ? "never" : "perhaps";
  if (before !== "always") return before;
  if (name === "false") return "never";
  return saysFailure(previous) ? "always" : "unsaid";
}

/** Its failure is seen in what it prints. */
export function saysFailure(pipeline: Pipeline): boolean {
  return pipeline.every(
    ({ words, redirects }) =>
      SPEAKING.has(nameOf(words[0]?.text)) &&
      !words.some(({ text }) => /^-(?:[a-zA-Z]*[fqs]|-force|-quiet|-silent)/.test(text)) &&
      !isSilenced(redirects),
  );
}

/** Its errors are not seen where the others' are. */
export function isSilenced(redirects: Pipeline[number]["redirects"]): boolean {
  return redirects.some(({ fd, operator }) => fd === 2 || operator.startsWith("&>") || operator === ">&");
}

/** It may end its shell, or make it end at what fails. */
function endsShell(pipeline: Pipeline | undefined): boolean {
  return (
    pipeline?.some(({ words }) => {
      const [first, second] = words.filter(({ text }) => !PASSED.has(text));
      if (first === undefined || !ENDING.has(first.text)) return false;
      if (first.text === "set") return second !== undefined && /^-[a-z]*e|errexit/.test(second.text);
      // `exec` without a program only turns streams.
      return first.text !== "exec" || second !== undefined;
    }) === true
  );
}

/** What comes after it in the same shell may not have been read by that shell. */
export function leavesDoubt({ pipelines }: ShellText): boolean {
  return pipelines.some(
    (pipeline) =>
      endsShell(pipeline) ||
      pipeline.some(
        ({ words, redirects }, index) =>
          index === 0 &&
          READING.has(nameOf(words[0]?.text)) &&
          words.slice(1).every(({ text }) => text.startsWith("-")) &&
          !redirects.some(({ fd }) => fd === 0),
      ),
  );
}

/** Of the programs of a pipeline, without their folders. */
export function namesOf(pipeline: Pipeline = []): string[] {
  return pipeline.map(({ words }) => nameOf(words[0]?.text)).filter((name) => name !== "");
}

function nameOf(word = ""): string {
  return word.slice(word.lastIndexOf("/") + 1);
}

const MOST_BEHIND = 64;
const PASSED: ReadonlySet<string> = new Set("then do else { ! builtin command".split(" "));
const ENDING: ReadonlySet<string> = new Set("exit logout return exec set break continue".split(" "));
const NEVER_FAIL: ReadonlySet<string> = new Set(["true", ":"]);
/** Programs that write a word to standard error whenever they fail. */
const SPEAKING: ReadonlySet<string> = new Set(
  "cd pushd popd mkdir rmdir chmod chown touch cp mv rm ln echo printf : true export ls pwd id whoami uname cat w base64 umask".split(
    " ",
  ),
);
/** Programs that read standard input where they are given no file. */
const READING: ReadonlySet<string> = new Set(
  "cat read tee dd head tail sort grep sed awk python python3 perl php mysql ftp telnet nc passwd vi ed".split(
    " ",
  ),
);
