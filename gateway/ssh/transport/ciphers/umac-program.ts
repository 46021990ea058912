import { call, get, i32, i64, repeat, set, TYPE, v128, wasmModule, when, type Code } from "./wasm.ts";

/** Where things lie in the program's memory, in bytes; numbers are little-endian. A stream is one of UMAC's 32 bit hashes. */
export const PLACE = {
  /** 1024 bytes, and 16 more for each stream after the first: each uses the key of the one before, moved by 16. */
  blockKey: 0,
  /** 8 for each stream. */
  polynomialKey: 1072,
  /** 4 times 8 for each stream. */
  innerProductKey: 1104,
  /** 4 for each stream. */
  mask: 1232,
  keysEnd: 1248,
  /** 4 for each stream. */
  result: 1248,
  message: 2048,
} as const;

export const MOST_STREAMS = 4;
const PAGES = 6;
/** Bytes of message that fit, with the zeros behind it. The longest packet is 256 KiB and 4 bytes. */
export const LONGEST_MESSAGE = PAGES * 65_536 - PLACE.message - 32;

const BLOCK = 1024;
/** RFC 4418 section 5.4: prime(64), and what 2^64 is modulo it. */
const PRIME_64 = 2n ** 64n - 59n;
const BEYOND_64 = i64.constant(59n);
const PRIME_36 = 2n ** 36n - 5n;

/** y = k y + m modulo prime(64), kept below 2^64. The halves of k have 25 bits, so no product is over 2^57. */
const POLYNOMIAL_STEP = 0;
function polynomialStep(): Code {
  const [y, k, m, cross] = [0, 1, 2, 3];
  const high = (value: number) => i64.shiftRight(get(value), i64.constant(32n));
  const low = (value: number) => i64.and(get(value), i64.constant(0xffff_ffffn));
  /** y = y + value, where value is used twice. */
  const addToY = (value: Code) => [
    ...set(y, i64.add(get(y), value)),
    ...when(i64.isLess(get(y), value), set(y, i64.add(get(y), BEYOND_64))),
  ];
  return [
    ...set(cross, i64.add(i64.multiply(high(k), low(y)), i64.multiply(high(y), low(k)))),
    ...set(
      y,
      i64.add(
        i64.multiply(i64.add(i64.multiply(high(k), high(y)), high(cross)), BEYOND_64),
        i64.multiply(low(k), low(y)),
      ),
    ),
    ...set(cross, i64.shiftLeft(get(cross), i64.constant(32n))),
    ...addToY(get(cross)),
    ...addToY(get(m)),
    ...get(y),
  ];
}

/** POLY of section 5.4 for one word: those that would not fit into the prime's range are told apart by a marker. */
const POLYNOMIAL_WORD = 1;
function polynomialWord(): Code {
  const [y, k, m] = [0, 1, 2];
  return [
    ...when(
      i64.isAtLeast(get(m), i64.constant(2n ** 64n - 2n ** 32n)),
      set(y, call(POLYNOMIAL_STEP, get(y), get(k), i64.constant(PRIME_64 - 1n))),
      set(m, i64.subtract(get(m), BEYOND_64)),
    ),
    ...call(POLYNOMIAL_STEP, get(y), get(k), get(m)),
  ];
}

/** NH of section 5.2: the sum of products of what lies 16 bytes apart, from `at` up to `end`, a multiple of 32 bytes. */
const BLOCK_HASH = 2;
function blockHash(): Code {
  const [at, end, key, one, other, sum] = [0, 1, 2, 3, 4, 5];
  const keyed = (offset: number) => v128.add32(v128.load(get(at), offset), v128.load(get(key), offset));
  return [
    ...repeat(
      [
        set(one, keyed(0)),
        set(other, keyed(16)),
        set(sum, v128.add64(get(sum), v128.multiplyLow(get(one), get(other)))),
        set(sum, v128.add64(get(sum), v128.multiplyHigh(get(one), get(other)))),
        set(at, i32.add(get(at), i32.constant(32))),
        set(key, i32.add(get(key), i32.constant(32))),
      ],
      i32.isLess(get(at), get(end)),
    ),
    ...i64.add(v128.lane64(get(sum), 0), v128.lane64(get(sum), 1)),
  ];
}

/** L3-HASH of section 5.6 of what is 64 bits long, masked. */
const INNER_PRODUCT = 3;
function innerProduct(): Code {
  const [hash, stream] = [0, 1];
  const keys = i32.shiftLeft(get(stream), i32.constant(5));
  const term = (index: number) =>
    i64.multiply(
      i64.and(i64.shiftRight(get(hash), i64.constant(BigInt(48 - 16 * index))), i64.constant(0xffffn)),
      i64.load(keys, PLACE.innerProductKey + 8 * index),
    );
  const sum = i64.add(i64.add(term(0), term(1)), i64.add(term(2), term(3)));
  return i32.xor(
    i32.low(i64.remainder(sum, i64.constant(PRIME_36))),
    i32.load(i32.shiftLeft(get(stream), i32.constant(2)), PLACE.mask),
  );
}

/** UHASH of section 5.1, for messages of up to 16 MiB: then L2-HASH is POLY of 64 bits alone. */
function hashMessage(): Code {
  const [length, streams, stream, at, left, size, hash, y] = [0, 1, 2, 3, 4, 5, 6, 7];
  const isLong = i32.isMore(get(length), i32.constant(BLOCK));
  const polynomialKey = i64.load(i32.shiftLeft(get(stream), i32.constant(3)), PLACE.polynomialKey);
  const end = i32.add(get(at), i32.and(i32.add(get(size), i32.constant(31)), i32.constant(-32)));
  const key = i32.shiftLeft(get(stream), i32.constant(4));
  return repeat(
    [
      set(at, i32.constant(PLACE.message)),
      set(left, get(length)),
      set(y, i64.constant(1n)),
      repeat(
        [
          set(size, get(left)),
          when(i32.isMore(get(size), i32.constant(BLOCK)), set(size, i32.constant(BLOCK))),
          set(
            hash,
            i64.add(
              call(BLOCK_HASH, get(at), end, key),
              i64.from32(i32.shiftLeft(get(size), i32.constant(3))),
            ),
          ),
          when(isLong, set(y, call(POLYNOMIAL_WORD, get(y), polynomialKey, get(hash)))),
          set(at, i32.add(get(at), i32.constant(BLOCK))),
          set(left, i32.subtract(get(left), get(size))),
        ],
        get(left),
      ),
      when(
        isLong,
        when(
          i64.isAtLeast(get(y), i64.constant(PRIME_64)),
          set(y, i64.subtract(get(y), i64.constant(PRIME_64))),
        ),
        set(hash, get(y)),
      ),
      i32.store(
        i32.shiftLeft(get(stream), i32.constant(2)),
        PLACE.result,
        call(INNER_PRODUCT, get(hash), get(stream)),
      ),
      set(stream, i32.add(get(stream), i32.constant(1))),
    ],
    i32.isLess(get(stream), get(streams)),
  );
}

/** A module that exports `memory` and `hashMessage(length in bytes, streams)`. The message must have zeros behind it up to a multiple of 32 bytes, and 32 if it is empty. */
export function umacProgram(): Uint8Array<ArrayBuffer> {
  const { i32: I, i64: L, v128: V } = TYPE;
  return wasmModule(PAGES, [
    { parameters: [L, L, L], results: [L], locals: [L], body: polynomialStep() },
    { parameters: [L, L, L], results: [L], locals: [], body: polynomialWord() },
    { parameters: [I, I, I], results: [L], locals: [V, V, V], body: blockHash() },
    { parameters: [L, I], results: [I], locals: [], body: innerProduct() },
    {
      name: "hashMessage",
      parameters: [I, I],
      results: [],
      locals: [I, I, I, I, L, L],
      body: hashMessage(),
    },
  ]);
}
