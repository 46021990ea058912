/** Whether a text is a segwit address with this prefix whose checksum holds (BIP 173; BIP 350 from version 1 on). */
export function isSegwitAddress(text: string, prefix: string): boolean {
  const lower = text.toLowerCase();
  // Mixed case is none, by the rule.
  if (text !== lower && text !== text.toUpperCase()) return false;
  if (!lower.startsWith(`${prefix}1`) || lower.length < prefix.length + 9 || lower.length > 90) return false;
  const data = Array.from(lower.slice(prefix.length + 1), (character) => DIGITS.indexOf(character));
  const [version = -1] = data;
  if (data.includes(-1) || version > 16) return false;
  const size = bytesIn(data.slice(1, -6));
  if (size === undefined || size < 2 || size > 40 || (version === 0 && size !== 20 && size !== 32))
    return false;
  return checksum([...expanded(prefix), ...data]) === (version === 0 ? 1 : 0x2bc830a3);
}

/** How many bytes groups of five bits hold; undefined where what fills them up is not zero. */
function bytesIn(groups: readonly number[]): number | undefined {
  const spare = (groups.length * 5) % 8;
  const last = groups.at(-1) ?? 0;
  if (spare > 4 || (last & ((1 << spare) - 1)) !== 0) return undefined;
  return Math.floor((groups.length * 5) / 8);
}

function expanded(prefix: string): number[] {
  const codes = Array.from(prefix, (character) => character.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

function checksum(values: readonly number[]): number {
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (const [bit, generator] of GENERATORS.entries()) if ((top >> bit) & 1) sum ^= generator;
  }
  return sum >>> 0;
}

const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const DIGITS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
