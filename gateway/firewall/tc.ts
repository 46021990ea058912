import { command } from "./command.ts";

/** What tc shows of one device. */
export interface ShownLink {
  readonly qdiscs: readonly ShownQdisc[];
  /** htb's classes: name such as `1:20` → bits a second. */
  readonly classes: ReadonlyMap<string, { readonly rate: number; readonly ceil: number }>;
  /** What looks at packets that come in, one line each. */
  readonly ingress: readonly ShownFilter[];
  /** What looks at packets that go out, one line each. */
  readonly egress: readonly ShownFilter[];
}

export interface ShownQdisc {
  readonly kind: string;
  /** `0:` is the kernel's own, where nobody has put one. */
  readonly handle: string;
  readonly parent?: string;
  readonly root?: boolean;
  readonly options?: { readonly default?: string };
}

export interface ShownFilter {
  readonly preference: number;
  /** `bpf …` with its bytecode, `redirect …` with the device; in the same words as `bpfFilter` and `redirectFilter`. */
  readonly what: string;
}

export function bpfFilter(bytecode: string, how: "direct-action" | "class"): string {
  return `bpf ${how} ${bytecode}`;
}

export function redirectFilter(link: string): string {
  return `redirect ${link}`;
}

/** Runs tc's commands, one a line, in one process; stops at the first that fails. */
export async function tc(lines: readonly string[]): Promise<void> {
  await command("tc", ["-batch", "-"], { input: lines.map((line) => `${line}\n`).join("") });
}

/** What tc shows of each device; those that are gone are left out. One process for all of them, as a rule. */
export async function readLinks(links: readonly string[]): Promise<ReadonlyMap<string, ShownLink>> {
  if (links.length === 0) return new Map();
  const printed = await command("tc", ["-force", "-json", "-batch", "-"], {
    input: links.map(questionsAbout).join(""),
    accept: [0, 1],
  });
  const sections = parseSections(printed, links.length);
  if (sections) return new Map(links.map((link, index) => [link, sections[index] as ShownLink]));
  if (links.length === 1) return new Map();
  // A device that is gone has no section, and nothing says which one that is.
  const half = Math.ceil(links.length / 2);
  return new Map([...(await readLinks(links.slice(0, half))), ...(await readLinks(links.slice(half)))]);
}

function questionsAbout(link: string): string {
  return [
    `qdisc show dev ${link}`,
    `filter show dev ${link} parent ffff:`,
    `filter show dev ${link} parent 1:`,
    `class show dev ${link}`,
    "",
  ].join("\n");
}

/** Each device's answers are three lines of JSON, then its classes. Undefined if they are not as many as were asked. */
export function parseSections(printed: string, count: number): ShownLink[] | undefined {
  const lines = printed.split("\n").filter((line) => line.trim() !== "");
  const sections: ShownLink[] = [];
  const next = (key: string): unknown[] | undefined => {
    const line = lines[0];
    if (line?.startsWith("[") !== true) return undefined;
    const entries = JSON.parse(line) as object[];
    if (!entries.every((entry) => key in entry)) return undefined;
    lines.shift();
    return entries;
  };
  for (let section = 0; section < count; section++) {
    const qdiscs = next("refcnt") ?? next("handle");
    const ingress = next("pref");
    const egress = next("pref");
    if (!qdiscs || !ingress || !egress) return undefined;
    const classes = new Map<string, { rate: number; ceil: number }>();
    // iproute2 6.1 prints classes as text, unless there are none; later ones as JSON.
    const text = lines.findIndex((line) => !line.startsWith("class "));
    for (const line of lines.splice(0, text === -1 ? lines.length : text)) addTextClass(classes, line);
    if (text === 0) for (const entry of next("class") ?? []) addClass(classes, entry as JsonClass);
    sections.push({
      qdiscs: qdiscs as ShownQdisc[],
      classes,
      ingress: ingress.flatMap((entry) => filterOf(entry as JsonFilter)),
      egress: egress.flatMap((entry) => filterOf(entry as JsonFilter)),
    });
  }
  return lines.length === 0 ? sections : undefined;
}

interface JsonClass {
  readonly class: string;
  readonly handle: string;
  /** Bytes a second. */
  readonly rate?: number;
  readonly ceil?: number;
}

function addClass(classes: Map<string, { rate: number; ceil: number }>, entry: JsonClass): void {
  if (entry.class === "htb")
    classes.set(entry.handle, { rate: (entry.rate ?? 0) * 8, ceil: (entry.ceil ?? 0) * 8 });
}

function addTextClass(classes: Map<string, { rate: number; ceil: number }>, line: string): void {
  const found = /^class htb (\S+) .*\brate (\S+) ceil (\S+) /.exec(line);
  if (found) classes.set(found[1] ?? "", { rate: bitsOf(found[2] ?? ""), ceil: bitsOf(found[3] ?? "") });
}

/** tc prints 1,234,567 bits a second as `1234Kbit`. */
function bitsOf(shown: string): number {
  const [, digits, unit] = /^(\d+)([KMGT]?)bit$/.exec(shown) ?? [];
  return Number(digits) * 1000 ** ["", "K", "M", "G", "T"].indexOf(unit ?? "?");
}

interface JsonFilter {
  readonly pref: number;
  readonly kind: string;
  readonly options?: {
    readonly ht_divisor?: number;
    readonly "direct-action"?: boolean;
    readonly bytecode?: { readonly length: number; readonly insns: readonly BpfLine[] };
    readonly match?: { readonly value: string; readonly mask: string };
    readonly actions?: readonly {
      readonly kind: string;
      readonly mirred_action?: string;
      readonly direction?: string;
      readonly to_dev?: string;
    }[];
  };
}

interface BpfLine {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** Nothing for the heads of lists and u32's tables, which have no meaning of their own. */
function filterOf({ pref, kind, options }: JsonFilter): ShownFilter[] {
  if (!options || options.ht_divisor !== undefined) return [];
  return [{ preference: pref, what: whatOf(kind, options) }];
}

function whatOf(kind: string, options: NonNullable<JsonFilter["options"]>): string {
  const { bytecode, match, actions = [] } = options;
  const [action] = actions;
  if (kind === "bpf" && bytecode && actions.length === 0)
    return bpfFilter(
      `${bytecode.length},${bytecode.insns.map(({ code, jt, jf, k }) => `${code} ${jt} ${jf} ${k}`).join(",")}`,
      options["direct-action"] === true ? "direct-action" : "class",
    );
  if (
    kind === "u32" &&
    Number(match?.mask) === 0 &&
    actions.length === 1 &&
    action?.kind === "mirred" &&
    action.mirred_action === "redirect" &&
    action.direction === "egress"
  )
    return redirectFilter(action.to_dev ?? "?");
  return `foreign ${kind}`;
}
