import type { Modulus } from "../../model/persona.ts";

/** The file has hundreds of lines, one for each; what is over this is not sshd's. */
const MOST = 4096;
/** moduli(5): a safe prime; tested, and not found composite. */
const SAFE_PRIME = 2;
const FOUND_COMPOSITE = 0x01;

/** What sshd would take of its `/etc/ssh/moduli` (moduli(5)), in the file's order: groups of 2048 to 8192 bits. Lines of another form are left out, as sshd does. */
export function parseModuli(file: string): Modulus[] {
  return file
    .split("\n", MOST)
    .map((line) => parseLine(line))
    .filter((modulus) => modulus !== undefined);
}

/** Time, type, tests, tries, size less one, generator, modulus. */
function parseLine(line: string): Modulus | undefined {
  const fields = /^\s*\d+ (\d+) (\d+) (\d+) (\d+) ([0-9a-fA-F]+) ([0-9a-fA-F]+)\s*$/.exec(line);
  if (!fields) return undefined;
  const [type = 0, tests = 0, tries = 0, size = 0] = fields.slice(1, 5).map(Number);
  const [generator, bits] = [Number.parseInt(fields[5] ?? "", 16), size + 1];
  const prime = fields[6] ?? "";
  const tested = (tests & ~FOUND_COMPOSITE) !== 0 && (tests & FOUND_COMPOSITE) === 0 && tries > 0;
  if (type !== SAFE_PRIME || !tested || bits < 2048 || bits > 8192) return undefined;
  if (generator < 2 || generator > 255 || bitsOf(prime) !== bits) return undefined;
  return { bits, generator, prime: prime.length % 2 === 0 ? prime : `0${prime}` };
}

/** Hexadecimal, without zeros before it. */
function bitsOf(number: string): number {
  return 4 * number.length - Math.clz32(Number.parseInt(number[0] ?? "0", 16)) + 28;
}
