import { hash, randomFillSync } from "node:crypto";
import { packNumbers, unpackNumbers } from "./sntrup761-coding.ts";

/**
 * The server's half of sntrup761, Streamlined NTRU Prime (its specification, round 3; RFC 9941 has its use in SSH): polynomials modulo x^761 - x - 1, with
 * coefficients modulo 4591 or of -1, 0 and 1. What is secret decides neither branches nor addresses here; what a just-in-time compiler makes of it
 * nobody promises.
 */
const P = 761;
const Q = 4591;
const WEIGHT = 286;
/** What is centered around zero is kept with this added. */
const CENTER = (Q - 1) / 2;

export const SNTRUP761 = { publicKeyLength: 1158, ciphertextLength: 1039, sharedKeyLength: 32 } as const;

/** `random` gives what the short polynomial is made of, 32 bits for each coefficient. */
export function encapsulateSntrup761(
  publicKey: Buffer,
  random: Uint32Array = randomFillSync(new Uint32Array(P)),
): { readonly sharedKey: Buffer; readonly ciphertext: Buffer } {
  const short = shortPolynomial(random);
  const packedShort = packShort(short);
  const rounded = product(unpackNumbers(publicKey, Q, P), short).map((value) => Math.floor((value + 1) / 3));
  const confirmation = hashed(2, hashed(3, packedShort), hashed(4, publicKey));
  const ciphertext = Buffer.concat([packNumbers(rounded, (Q + 2) / 3), confirmation]);
  return { ciphertext, sharedKey: hashed(1, hashed(3, packedShort), ciphertext) };
}

function hashed(purpose: number, ...parts: readonly Buffer[]): Buffer {
  return hash("sha512", Buffer.concat([Buffer.of(purpose), ...parts]), "buffer").subarray(0, 32);
}

/** 286 coefficients that are not zero, at places that sorting random numbers gives them. */
function shortPolynomial(random: Uint32Array): Int32Array {
  const numbers = new Int32Array(SORTED).fill(-1); // as unsigned numbers these are the last
  for (let index = 0; index < P; index++) {
    const value = random[index] ?? 0;
    numbers[index] = index < WEIGHT ? value & ~1 : (value & ~3) | 1;
  }
  sort(numbers);
  return numbers.subarray(0, P).map((value) => (value & 3) - 1);
}

/** A power of two. */
const SORTED = 1024;

/** A bitonic network, of unsigned numbers: the order of its comparisons does not depend on what is compared. */
function sort(numbers: Int32Array): void {
  for (let run = 2; run <= SORTED; run *= 2)
    for (let distance = run >> 1; distance > 0; distance >>= 1)
      for (let index = 0; index < SORTED; index++) {
        const other = index ^ distance;
        if (other < index) continue;
        const descends = -((index & run) !== 0 ? 1 : 0); // as a mask; the place is no secret
        const one = numbers[index] ?? 0;
        const two = numbers[other] ?? 0;
        const isLess = ((~two & one) | (~(two ^ one) & (two - one))) >> 31; // two < one, as a mask
        const swap = (one ^ two) & (isLess ^ descends);
        numbers[index] = one ^ swap;
        numbers[other] = two ^ swap;
      }
}

/** Four coefficients a byte. */
function packShort(short: Int32Array): Buffer {
  const bytes = Buffer.alloc((P + 3) >> 2);
  for (let index = 0; index < P; index++)
    bytes[index >> 2] = (bytes[index >> 2] ?? 0) | (((short[index] ?? 0) + 1) << (2 * (index & 3)));
  return bytes;
}

const LARGE_MULTIPLE = 1000 * Q;

/** Of a polynomial whose coefficients have CENTER added with a short one; so has the result, from 0 to 4590. */
function product(centered: Int32Array, short: Int32Array): Int32Array {
  const sum = new Int32Array(2 * P);
  for (let index = 0; index < P; index++) {
    const factor = short[index] ?? 0;
    for (let other = 0; other < P; other++)
      sum[index + other] = (sum[index + other] ?? 0) + factor * ((centered[other] ?? 0) - CENTER);
  }
  // x^761 = x + 1
  for (let index = 2 * P - 2; index >= P; index--) {
    const value = sum[index] ?? 0;
    sum[index - P] = (sum[index - P] ?? 0) + value;
    sum[index - P + 1] = (sum[index - P + 1] ?? 0) + value;
  }
  return sum.subarray(0, P).map((value) => {
    const positive = value + CENTER + LARGE_MULTIPLE; // no coefficient is over 3 * 286 * 2295
    return positive - Q * (((positive + 0.5) * (1 / Q)) | 0);
  });
}
