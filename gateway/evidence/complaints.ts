/**
 * Lines in which a shell or a program said that something failed, since the last time that was asked. Bounded: more than are kept
 * count as one that may concern anything.
 */
export class Complaints {
  #lines: string[] = [];
  #partial = "";
  #read = 0;
  #tooMany = false;

  /** Output of a channel without line discipline of ours, in whatever pieces it comes. */
  push(bytes: Buffer): void {
    if (this.#tooMany) return;
    this.#read += bytes.length;
    if (this.#read > MOST_READ) {
      this.#tooMany = true;
      return;
    }
    const lines = (this.#partial + bytes.toString("latin1")).split(/[\r\n]+/);
    this.#partial = lines.pop() ?? "";
    for (const line of lines) this.line(line);
  }

  line(text: string): void {
    if (this.#tooMany || !COMPLAINT.test(text.slice(0, LONGEST_LINE))) return;
    if (this.#lines.length >= MOST_LINES) this.#tooMany = true;
    else this.#lines.push(text.slice(0, LONGEST_LINE));
  }

  /** What they say of a file that one of these programs was to write. @param path undefined: what it is called there is not known. */
  of(path: string | undefined, programs: readonly string[]): "nothing" | "perhaps" | "failed" {
    if (this.#partial !== "") this.line(this.#partial);
    this.#partial = "";
    if (path === undefined) return this.#tooMany || this.#lines.length > 0 ? "perhaps" : "nothing";
    if (this.#lines.some((line) => isRefused(line, path))) return "failed";
    const concerns = (line: string) =>
      ANYTHING.test(line) ||
      wordsOf(line).includes(path) ||
      programs.some((program) => line.includes(`${program}: `));
    return this.#tooMany || this.#lines.some(concerns) ? "perhaps" : "nothing";
  }

  clear(): void {
    this.#lines = [];
    this.#partial = "";
    this.#read = 0;
    this.#tooMany = false;
  }
}

/** The shell could not open the file: `bash: line 1: PATH: Permission denied`, `sh: 1: cannot create PATH: Directory nonexistent`. */
function isRefused(line: string, path: string): boolean {
  const at = line.indexOf(`${path}: `);
  return (
    at > 0 &&
    /^-?[\w./-]*sh: (?:line \d{1,9}: |\d{1,9}: )?(?:cannot create |can't create )?$/.test(
      line.slice(0, at),
    ) &&
    !line.endsWith("not found")
  );
}

function wordsOf(line: string): string[] {
  return line.split(/[\s:'"`]+/);
}

const MOST_READ = 64 * 1024;
const MOST_LINES = 64;
const LONGEST_LINE = 1024;
const COMPLAINT =
  /^-?[\w.+/[-]{1,255}: .|\b(?:cannot|can't|denied|failed|invalid|not found|error|No such|No space|Read-only)\b/i;
/** Of the whole text, or of the whole machine. */
const ANYTHING =
  /syntax error|unexpected|unterminated|bad substitution|ambiguous redirect|No space left|Read-only file|fork|Too many open|quota|too long/i;
