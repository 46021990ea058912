/**
 * How Streamlined NTRU Prime packs lists of small numbers (its specification, round 3, section 4.1): neighbours are joined to one number in mixed radix, bytes
 * are taken off while that is over 14 bits, and what is left is packed the same way.
 */
const LIMIT = 16_384;

export function packNumbers(numbers: ArrayLike<number>, radix: number): Buffer {
  const bytes: number[] = [];
  let [values, radixes] = [Array.from(numbers), new Array<number>(numbers.length).fill(radix)];
  while (values.length > 1) {
    const [nextValues, nextRadixes]: [number[], number[]] = [[], []];
    for (let at = 0; at + 1 < values.length; at += 2) {
      const below = radixes[at] ?? 1;
      let value = (values[at] ?? 0) + (values[at + 1] ?? 0) * below;
      let range = (radixes[at + 1] ?? 1) * below;
      while (range >= LIMIT) {
        bytes.push(value & 0xff);
        value >>>= 8;
        range = (range + 255) >>> 8;
      }
      nextValues.push(value);
      nextRadixes.push(range);
    }
    if (values.length % 2 === 1) {
      nextValues.push(values.at(-1) ?? 0);
      nextRadixes.push(radixes.at(-1) ?? 1);
    }
    [values, radixes] = [nextValues, nextRadixes];
  }
  let value = values[0] ?? 0;
  for (let range = radixes[0] ?? 1; range > 1; range = (range + 255) >>> 8) {
    bytes.push(value & 0xff);
    value >>>= 8;
  }
  return Buffer.from(bytes);
}

/** As many numbers below `radix`. Whatever the bytes are: each number is taken modulo its radix. */
export function unpackNumbers(bytes: Buffer, radix: number, count: number): Int32Array {
  let at = 0;
  const unpack = (radixes: readonly number[]): number[] => {
    const [own = 1] = radixes;
    if (radixes.length === 1) {
      if (own === 1) return [0];
      const low = bytes[at] ?? 0;
      return [(own <= 256 ? low : low + 256 * (bytes[at + 1] ?? 0)) % own];
    }
    const joined: { readonly bottom: number; readonly scale: number }[] = [];
    const next: number[] = [];
    for (let index = 0; index + 1 < radixes.length; index += 2) {
      let range = (radixes[index] ?? 1) * (radixes[index + 1] ?? 1);
      let [bottom, scale] = [0, 1];
      while (range >= LIMIT) {
        bottom += (bytes[at++] ?? 0) * scale;
        scale *= 256;
        range = (range + 255) >>> 8;
      }
      joined.push({ bottom, scale });
      next.push(range);
    }
    if (radixes.length % 2 === 1) next.push(radixes.at(-1) ?? 1);
    const top = unpack(next);
    const numbers = joined.flatMap(({ bottom, scale }, index) => {
      const value = bottom + scale * (top[index] ?? 0);
      const below = radixes[2 * index] ?? 1;
      return [value % below, Math.floor(value / below) % (radixes[2 * index + 1] ?? 1)];
    });
    if (radixes.length % 2 === 1) numbers.push(top.at(-1) ?? 0);
    return numbers;
  };
  return Int32Array.from(unpack(new Array<number>(count).fill(radix)));
}
