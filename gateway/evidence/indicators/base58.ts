/** The bytes of base58 as Bitcoin writes it (a number, high digits first, leading ones for leading zeros). Undefined: it is none. */
export function fromBase58(text: string): Buffer | undefined {
  const value = numberOf(text);
  if (value === undefined) return undefined;
  const hex = value === 0n ? "" : value.toString(16);
  const zeros = /^1*/.exec(text)?.[0].length ?? 0;
  return Buffer.concat([Buffer.alloc(zeros), Buffer.from(hex.length % 2 === 1 ? `0${hex}` : hex, "hex")]);
}

/** The bytes of base58 as Monero writes it: each eight bytes as eleven digits, the rest as fewer. Undefined: it is none. */
export function fromMoneroBase58(text: string): Buffer | undefined {
  const blocks: Buffer[] = [];
  for (let at = 0; at < text.length; at += 11) {
    const digits = text.slice(at, at + 11);
    const size = SIZES.indexOf(digits.length);
    const value = numberOf(digits);
    if (size < 1 || value === undefined || value >= 1n << BigInt(8 * size)) return undefined;
    blocks.push(Buffer.from(value.toString(16).padStart(2 * size, "0"), "hex"));
  }
  return Buffer.concat(blocks);
}

function numberOf(text: string): bigint | undefined {
  let value = 0n;
  for (const character of text) {
    const digit = DIGITS.indexOf(character);
    if (digit === -1) return undefined;
    value = value * 58n + BigInt(digit);
  }
  return value;
}

const DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/** How many digits so many bytes have. */
const SIZES = [0, 2, 3, 5, 6, 7, 9, 10, 11];
