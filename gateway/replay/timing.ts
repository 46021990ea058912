/** Anything that has a time, in nanoseconds. */
interface Timed {
  readonly at: bigint;
}

/** The same events, `speed` times as fast: 2 halves every pause. */
export async function* atSpeed<T extends Timed>(events: AsyncIterable<T>, speed: number): AsyncGenerator<T> {
  for await (const event of events) yield { ...event, at: scaled(event.at, 1 / speed) };
}

/** The same events, no pause between two of them longer than `seconds`. */
export async function* limitIdle<T extends Timed>(
  events: AsyncIterable<T>,
  seconds: number,
): AsyncGenerator<T> {
  const most = scaled(1_000_000_000n, seconds);
  let last: bigint | undefined;
  let cut = 0n;
  for await (const event of events) {
    const pause = last === undefined ? 0n : event.at - last;
    if (pause > most) cut += pause - most;
    last = event.at;
    yield { ...event, at: event.at - cut };
  }
}

/** The same events, the first of them at 0. */
export async function* fromZero<T extends Timed>(events: AsyncIterable<T>): AsyncGenerator<T> {
  let first: bigint | undefined;
  for await (const event of events) {
    first ??= event.at;
    yield { ...event, at: event.at - first };
  }
}

/** Times of a session stay far below 2^53 ns' worth of microseconds (285 years), so they may pass through a number. */
function scaled(time: bigint, factor: number): bigint {
  return BigInt(Math.round(Number(time) * factor));
}
