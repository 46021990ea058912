/** WebAssembly put together by hand (WebAssembly Core Specification 2.0, section 5), for arithmetic that JavaScript has no type for. An expression is its bytes. */
export type Code = readonly number[];

export const TYPE = { i32: 0x7f, i64: 0x7e, v128: 0x7b } as const;
type ValueType = (typeof TYPE)[keyof typeof TYPE];

export interface WasmFunction {
  readonly name?: string;
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

/** The functions of a module, in the order of their numbers, with a memory called `memory`; a page is 64 KiB. */
export function wasmModule(pages: number, functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters, results }) => [0x60, ...vector(parameters), ...vector(results)]);
  const exported = functions.flatMap(({ name }, index) =>
    name === undefined ? [] : [[...text(name), 0x00, ...unsigned(index)]],
  );
  const codes = functions.map(({ locals, body }) => {
    const code = [...list(locals.map((type) => [1, type])), ...body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, list(types)),
    ...section(3, list(functions.map((_, index) => unsigned(index)))),
    ...section(5, list([[0x00, ...unsigned(pages)]])),
    ...section(7, list([[...text("memory"), 0x02, 0x00], ...exported])),
    ...section(10, list(codes)),
  ]);
}

function section(id: number, body: Code): Code {
  return [id, ...unsigned(body.length), ...body];
}

function list(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

function vector(bytes: Code): Code {
  return [...unsigned(bytes.length), ...bytes];
}

function text(name: string): Code {
  return vector([...Buffer.from(name)]);
}

/** LEB128. */
function unsigned(value: number): Code {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [low | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: bigint): Code {
  const low = Number(value & 0x7fn);
  const rest = value >> 7n;
  const last = (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40);
  return last ? [low] : [low | 0x80, ...signed(rest)];
}

/* ── Expressions ── */

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];
export const call = (index: number, ...values: readonly Code[]): Code => [
  ...values.flat(),
  0x10,
  ...unsigned(index),
];
export const when = (condition: Code, ...then: readonly Code[]): Code => [
  ...condition,
  0x04,
  0x40,
  ...then.flat(),
  0x0b,
];
/** Runs the body, and again as long as the condition is true after it. */
export const repeat = (body: readonly Code[], again: Code): Code => [
  0x03,
  0x40,
  ...body.flat(),
  ...again,
  0x0d,
  0x00,
  0x0b,
];

const operation =
  (...code: Code) =>
  (...values: readonly Code[]): Code => [...values.flat(), ...code];

export const i32 = {
  constant: (value: number): Code => [0x41, ...signed(BigInt(value))],
  load: (at: Code, offset: number): Code => [...at, 0x28, 2, ...unsigned(offset)],
  store: (at: Code, offset: number, value: Code): Code => [...at, ...value, 0x36, 2, ...unsigned(offset)],
  add: operation(0x6a),
  subtract: operation(0x6b),
  and: operation(0x71),
  xor: operation(0x73),
  shiftLeft: operation(0x74),
  isLess: operation(0x49),
  isMore: operation(0x4b),
  low: operation(0xa7),
};

export const i64 = {
  /** Taken modulo 2^64. */
  constant: (value: bigint): Code => [0x42, ...signed(BigInt.asIntN(64, value))],
  load: (at: Code, offset: number): Code => [...at, 0x29, 3, ...unsigned(offset)],
  add: operation(0x7c),
  subtract: operation(0x7d),
  multiply: operation(0x7e),
  remainder: operation(0x82),
  and: operation(0x83),
  shiftLeft: operation(0x86),
  shiftRight: operation(0x88),
  isLess: operation(0x54),
  isAtLeast: operation(0x5a),
  from32: operation(0xad),
};

/** Four 32 bit numbers, or two of 64. */
export const v128 = {
  zero: [0xfd, 0x0c, ...new Array<number>(16).fill(0)] as Code,
  load: (at: Code, offset: number): Code => [...at, 0xfd, 0x00, 4, ...unsigned(offset)],
  add32: operation(0xfd, 0xae, 0x01),
  add64: operation(0xfd, 0xce, 0x01),
  /** Of the first two numbers of each, unsigned, to 64 bits; and of the last two. */
  multiplyLow: operation(0xfd, 0xde, 0x01),
  multiplyHigh: operation(0xfd, 0xdf, 0x01),
  lane64: (value: Code, lane: number): Code => [...value, 0xfd, 0x1d, lane],
};
