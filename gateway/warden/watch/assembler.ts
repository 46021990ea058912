/**
 * An assembler for eBPF (Documentation/bpf/standardization/instruction-set.rst), for programs that are made for the running kernel's
 * structs without a compiler. Registers 0 to 5 are lost at a call, 6 to 9 stay, 10 is the frame.
 */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;
export type Size = "u8" | "u16" | "u32" | "u64";
export type Comparison = "==" | "!=" | ">" | ">=" | "<" | "<=" | "s<";
export type Operation = "+" | "-" | "*" | "&" | "|" | "<<" | ">>";

/** Numbers of linux/bpf.h. */
const SIZES: Readonly<Record<Size, number>> = { u32: 0x00, u16: 0x08, u8: 0x10, u64: 0x18 };
const JUMPS: Readonly<Record<Comparison, number>> = {
  "==": 0x10,
  ">": 0x20,
  ">=": 0x30,
  "!=": 0x50,
  "<": 0xa0,
  "<=": 0xb0,
  "s<": 0xc0,
};
const OPERATIONS: Readonly<Record<Operation, number>> = {
  "+": 0x00,
  "-": 0x10,
  "*": 0x20,
  "|": 0x40,
  "&": 0x50,
  "<<": 0x60,
  ">>": 0x70,
};
const HELPERS = {
  lookup: 1,
  now: 5,
  currentIds: 14,
  currentTask: 35,
  readUser: 112,
  readKernel: 113,
  readUserText: 114,
  readKernelText: 115,
  output: 130,
} as const;

interface Line {
  readonly code: number;
  readonly to: number;
  readonly from: number;
  readonly offset: number | string;
  readonly value: number;
}

/** One program, written line by line. */
export class Program {
  readonly #lines: Line[] = [];
  readonly #labels = new Map<string, number>();
  #fresh = 0;

  /** `to = value` */
  set(to: Register, value: number): this {
    return this.#line(0xb7, to, 0, 0, value);
  }

  /** `to = from` */
  copy(to: Register, from: Register): this {
    return this.#line(0xbf, to, from, 0, 0);
  }

  /** `to = to (operation) value` */
  change(to: Register, operation: Operation, value: number): this {
    return this.#line(0x07 | OPERATIONS[operation], to, 0, 0, value);
  }

  /** `to = to (operation) from` */
  combine(to: Register, operation: Operation, from: Register): this {
    return this.#line(0x0f | OPERATIONS[operation], to, from, 0, 0);
  }

  /** `to = *(from + offset)` */
  load(size: Size, to: Register, from: Register, offset: number): this {
    return this.#line(0x61 | SIZES[size], to, from, offset, 0);
  }

  /** `*(to + offset) = from` */
  store(size: Size, to: Register, offset: number, from: Register): this {
    return this.#line(0x63 | SIZES[size], to, from, offset, 0);
  }

  /** `*(to + offset) = value` */
  storeValue(size: Size, to: Register, offset: number, value: number): this {
    return this.#line(0x62 | SIZES[size], to, 0, offset, value);
  }

  /** `*(to + offset) += from`, by one processor at a time; eight bytes. */
  addShared(to: Register, offset: number, from: Register): this {
    return this.#line(0xdb, to, from, offset, 0);
  }

  /** Goes on at the label, which stands below, when the register compares so. */
  when(register: Register, comparison: Comparison, value: number, label: string): this {
    return this.#line(0x05 | JUMPS[comparison], register, 0, label, value);
  }

  go(label: string): this {
    return this.#line(0x05, 0, 0, label, 0);
  }

  label(name: string): this {
    this.#labels.set(name, this.#lines.length);
    return this;
  }

  /** A label that there is none of yet. */
  fresh(): string {
    return `label ${++this.#fresh}`;
  }

  /** The n-th map of the loader. It takes two places. */
  map(to: Register, number: number): this {
    return this.#line(0x18, to, 1, 0, number).#line(0, 0, 0, 0, 0);
  }

  call(helper: keyof typeof HELPERS): this {
    return this.#line(0x85, 0, 0, 0, HELPERS[helper]);
  }

  end(): this {
    return this.set(0, 0).#line(0x95, 0, 0, 0, 0);
  }

  /** Eight bytes an instruction. @throws RangeError when a label is missing or does not stand below. */
  bytes(): Buffer {
    const bytes = Buffer.alloc(this.#lines.length * 8);
    this.#lines.forEach(({ code, to, from, offset, value }, index) => {
      const at = index * 8;
      bytes.writeUInt8(code, at);
      bytes.writeUInt8(to | (from << 4), at + 1);
      bytes.writeInt16LE(typeof offset === "number" ? offset : this.#distance(offset, index), at + 2);
      bytes.writeInt32LE(value | 0, at + 4);
    });
    return bytes;
  }

  #distance(label: string, from: number): number {
    const steps = (this.#labels.get(label) ?? NaN) - from - 1;
    if (!(steps >= 0)) throw new RangeError(`no way to ${label}`);
    return steps;
  }

  #line(code: number, to: number, from: number, offset: number | string, value: number): this {
    this.#lines.push({ code, to, from, offset, value });
    return this;
  }
}
