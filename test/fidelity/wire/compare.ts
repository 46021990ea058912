/** Asks both the same, and says where their answers differ. */
import { FAULT, OFFERS, Prober, type ProberOptions } from "./prober.ts";

export type Script = (prober: Prober) => Promise<void> | void;
type Options = Omit<ProberOptions, "patience">;

/** One connection, with one thing to find out. */
export interface Probe {
  readonly name: string;
  readonly script: Script;
  readonly options?: Options;
  /** False where what is said is no whole packet, so that nothing behind it is one. */
  readonly fenced?: boolean;
  /** Whether the lists in KEXINIT count. They do where they are what is asked for. */
  readonly offers?: boolean;
  /** Takes out of a line what differs from one time to the next. */
  readonly mask?: (line: string) => string;
}

/** Several things, one after the other on a connection; on a new one after each that ends it. */
export interface Series {
  readonly name: string;
  readonly begin: Script;
  readonly items: readonly { readonly name: string; readonly script: Script }[];
  readonly options?: Options;
  readonly mask?: (line: string) => string;
}

export interface Phase {
  readonly name: string;
  readonly probes: readonly (Probe | Series)[];
  /** Probes under way at once. */
  readonly concurrency?: number;
}

export interface Ports {
  readonly theirs: number;
  readonly ours: number;
}

export interface Difference {
  readonly name: string;
  readonly theirs: readonly string[];
  readonly ours: readonly string[];
}

type Heard = ReadonlyMap<string, readonly string[]>;

/** Milliseconds that count as silence. It is longer at each try: a busy machine answers late. */
const PATIENCES = [120, 500, 2000, 4000, 10_000, 20_000];

export function questionsIn({ probes }: Phase): number {
  return probes.reduce((sum, probe) => sum + ("items" in probe ? probe.items.length : 1), 0);
}

export async function compare(phase: Phase, ports: Ports): Promise<Difference[]> {
  const differences: Difference[] = [];
  const left = [...phase.probes];
  const worker = async () => {
    for (let probe = left.shift(); probe; probe = left.shift())
      differences.push(...(await compareOne(probe, ports)));
  };
  await Promise.all(Array.from({ length: phase.concurrency ?? 8 }, worker));
  return differences;
}

/**
 * sshd itself does not always answer in the same order, where two of its file descriptors are ready at once. So what either said at any of the
 * tries counts: they are alike if they have an answer in common.
 */
async function compareOne(probe: Probe | Series, { theirs, ours }: Ports): Promise<Difference[]> {
  const said: { theirs: Heard; ours: Heard }[] = [];
  let open: string[] = [];
  for (const patience of PATIENCES) {
    const [their, our] = await Promise.all([theirs, ours].map((port) => hear(probe, port, patience)));
    if (!their || !our) throw new Error("unreachable");
    said.push({ theirs: their, ours: our });
    open = [...their.keys()].filter(
      (name) =>
        !said.some((one) =>
          said.some((other) => alike(one.theirs.get(name) ?? [], other.ours.get(name) ?? [])),
        ),
    );
    if (open.length === 0) return [];
  }
  return open.map((name) => ({
    name: "items" in probe ? `${probe.name}: ${name}` : name,
    theirs: said.at(-1)?.theirs.get(name) ?? [],
    ours: said.at(-1)?.ours.get(name) ?? [],
  }));
}

/**
 * Whether a connection ends with a reset or not depends on which bytes are under way meanwhile, and so on who is faster: of a few it cannot be
 * said, of many it can.
 */
export function differsInEndAlone({ theirs, ours }: Difference): boolean {
  return alike(withoutEnd(theirs), withoutEnd(ours));
}

/** Where the prober failed nothing is known of either, even if it failed in the same way. */
export function alike(theirs: readonly string[], ours: readonly string[]): boolean {
  return String(theirs) === String(ours) && !theirs.some((line) => line.startsWith(FAULT));
}

function withoutEnd(lines: readonly string[]): readonly string[] {
  return /^(?:FIN|RST)$/.test(lines.at(-1) ?? "") ? [...lines.slice(0, -1), "end"] : lines;
}

async function hear(probe: Probe | Series, port: number, patience: number): Promise<Heard> {
  const options = { ...probe.options, patience };
  const cleaned = (lines: readonly string[]) =>
    lines.map((line) => {
      const kept = !("items" in probe) && probe.offers === true;
      const shown = !kept && line.startsWith(OFFERS) ? "20" : line;
      return probe.mask ? probe.mask(shown) : shown;
    });
  if ("items" in probe) return hearSeries(probe, port, options, cleaned);
  const prober = new Prober(port, options);
  await attempt(prober, probe.script);
  await attempt(prober, (asked) => asked.settle(probe.fenced ?? true));
  return new Map([[probe.name, cleaned(prober.close())]]);
}

async function hearSeries(
  { begin, items }: Series,
  port: number,
  options: ProberOptions,
  cleaned: (lines: readonly string[]) => readonly string[],
): Promise<Heard> {
  const heard = new Map<string, readonly string[]>();
  let prober: Prober | undefined;
  for (const { name, script } of items) {
    if (!prober) {
      prober = new Prober(port, options);
      await attempt(prober, begin);
    }
    const before = prober.heard.length;
    await attempt(prober, async (asked) => {
      await script(asked);
      await asked.fence();
    });
    if (prober.ended) {
      heard.set(name, cleaned(prober.close().slice(before)));
      prober = undefined;
    } else heard.set(name, cleaned(prober.heard.slice(before)));
  }
  prober?.close();
  return heard;
}

async function attempt(prober: Prober, script: Script): Promise<void> {
  try {
    await script(prober);
  } catch (error) {
    prober.heard.push(`${FAULT}${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The lines from the one before that in which they differ. */
export function show({ name, theirs, ours }: Difference): string {
  let same = 0;
  while (same < theirs.length && theirs[same] === ours[same]) same++;
  const list = (lines: readonly string[]) =>
    lines.slice(Math.max(0, same - 1)).map((line) => `      ${line.slice(0, 400)}`);
  return [`  ${name}`, "    sshd:", ...list(theirs), "    gateway:", ...list(ours)].join("\n");
}
