/** How long both take to answer passwords, asked in the same moment: a machine's load is theirs in common. */
import { message } from "./encoding.ts";
import { Prober } from "./prober.ts";
import { password, request } from "./probes/under-keys.ts";

export interface Took {
  /** Milliseconds, in the order of asking. */
  readonly theirs: readonly number[];
  readonly ours: readonly number[];
}

/** One attempt on a connection of its own, `count` times. */
export async function timesOf(
  ports: { readonly theirs: number; readonly ours: number },
  { user, text, count }: { readonly user: string; readonly text: string; readonly count: number },
): Promise<Took> {
  const [theirs, ours]: [number[], number[]] = [[], []];
  for (let round = 0; round < count; round++) {
    // The delay goes by the second in which the attempt begins: early in one, both are in the same.
    const probers = [ports.theirs, ports.ours].map((port) => new Prober(port, { patience: 100 }));
    for (const prober of probers) {
      await prober.ready();
      await prober.ask(message(5, "ssh-userauth"));
      await prober.ask(request(user, "none"));
    }
    await new Promise((resolve) => setTimeout(resolve, 1050 - (Date.now() % 1000)));
    const took = await Promise.all(
      probers.map(async (prober) => {
        const from = performance.now();
        await prober.ask(password(user, text));
        return performance.now() - from;
      }),
    );
    for (const prober of probers) prober.close();
    theirs.push(took[0] ?? NaN);
    ours.push(took[1] ?? NaN);
  }
  return { theirs, ours };
}

export function median(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? NaN;
}

/** Half of them lie within it. */
export function spread(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  const at = (part: number) => sorted[Math.floor(numbers.length * part)] ?? NaN;
  return at(0.75) - at(0.25);
}
