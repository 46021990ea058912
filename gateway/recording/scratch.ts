/** Memory in which entries are put together before they are written. */
export interface Scratch {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** One read from a socket (64 KiB) with its entry headers, or the largest SSH packet (256 KiB), fit. */
const USUAL_SIZE = 320 * 1024;
const MOST_KEPT = 4;
const free: Scratch[] = [];

/**
 * A recording holds scratch memory only between its first buffered entry and the flush that follows in the same turn of the
 * event loop, so a thousand idle sessions hold none and busy ones share a few.
 */
export function takeScratch(atLeast: number): Scratch {
  if (atLeast <= USUAL_SIZE) return free.pop() ?? makeScratch(USUAL_SIZE);
  return makeScratch(atLeast);
}

export function giveScratch(scratch: Scratch): void {
  if (scratch.bytes.length === USUAL_SIZE && free.length < MOST_KEPT) free.push(scratch);
}

function makeScratch(size: number): Scratch {
  const bytes = Buffer.allocUnsafeSlow(size);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, size) };
}
