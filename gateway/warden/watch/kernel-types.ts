import { readFile } from "node:fs/promises";

/** Where a running kernel describes its own types (BTF, Documentation/bpf/btf.rst). Made by the kernel's build, not by any stranger. */
const KERNEL_TYPES = "/sys/kernel/btf/vmlinux";

const INT = 1;
const ARRAY = 3;
const STRUCT = 4;
const UNION = 5;
const ENUM = 6;
const TYPEDEF = 8;
const FUNCTION = 12;
const FUNCTION_PROTOTYPE = 13;
const VARIABLE = 14;
const SECTION = 15;
const DECLARATION_TAG = 17;
const ENUM64 = 19;
/** volatile, const, restrict, type tag: they stand for what they refer to. */
const TRANSPARENT = [TYPEDEF, 9, 10, 11, 18];

interface Type {
  readonly kind: number;
  readonly name: number;
  /** Size of a struct, or the type that is referred to. */
  readonly sizeOrType: number;
  /** Of its members in the section, for structs and unions. */
  readonly members: number;
  readonly count: number;
  readonly flagged: boolean;
}

/** Which functions the running kernel has, and where in its structs things stand. */
export class KernelTypes {
  readonly #bytes: Buffer;
  readonly #strings: number;
  /** By id; 0 is void. */
  readonly #types: Type[] = [];
  readonly #functions = new Map<string, number>();
  readonly #structs = new Map<string, number>();

  /** @throws Error when there is none, or it is not understood. */
  static async read(path = KERNEL_TYPES): Promise<KernelTypes> {
    return new KernelTypes(await readFile(path));
  }

  constructor(bytes: Buffer) {
    if (bytes.readUInt16LE(0) !== 0xeb9f) throw new Error("the kernel's types are in no known form");
    this.#bytes = bytes;
    const header = bytes.readUInt32LE(4);
    const start = header + bytes.readUInt32LE(8);
    const end = start + bytes.readUInt32LE(12);
    this.#strings = header + bytes.readUInt32LE(16);
    this.#types.push({ kind: 0, name: 0, sizeOrType: 0, members: 0, count: 0, flagged: false });
    for (let at = start; at < end;) at = this.#take(at);
  }

  /** Its id, by which a program is attached to it. */
  functionId(name: string): number | undefined {
    return this.#functions.get(name);
  }

  /** Bytes from the start of the struct to such a member, `pids` or `ns.inum`, also of unnamed structs in it. @throws Error */
  offset(struct: string, path: string): number {
    const id = this.#structs.get(struct);
    if (id === undefined) throw new Error(`the kernel has no struct ${struct}`);
    let type = id;
    let offset = 0;
    for (const name of path.split(".")) {
      const member = this.#member(type, name);
      if (member === undefined) throw new Error(`the kernel's ${struct} has no ${path}`);
      offset += member.offset;
      type = member.type;
    }
    return offset;
  }

  /** Bytes. @throws Error */
  size(struct: string): number {
    const type = this.#types[this.#structs.get(struct) ?? 0];
    if (type === undefined || type.kind !== STRUCT) throw new Error(`the kernel has no struct ${struct}`);
    return type.sizeOrType;
  }

  #take(at: number): number {
    const bytes = this.#bytes;
    const info = bytes.readUInt32LE(at + 4);
    const kind = (info >> 24) & 0x1f;
    const count = info & 0xffff;
    const type = {
      kind,
      name: bytes.readUInt32LE(at),
      sizeOrType: bytes.readUInt32LE(at + 8),
      members: at + 12,
      count,
      flagged: info >>> 31 === 1,
    };
    const id = this.#types.push(type) - 1;
    if (kind === FUNCTION) this.#functions.set(this.#text(type.name), id);
    else if (kind === STRUCT && !this.#structs.has(this.#text(type.name)))
      this.#structs.set(this.#text(type.name), id);
    return at + 12 + tailOf(kind, count);
  }

  #member(id: number, name: string): { offset: number; type: number } | undefined {
    const { kind, members, count, flagged } = this.#plain(id);
    if (kind !== STRUCT && kind !== UNION) return undefined;
    for (let index = 0; index < count; index++) {
      const at = members + index * 12;
      const type = this.#bytes.readUInt32LE(at + 4);
      const bits = this.#bytes.readUInt32LE(at + 8);
      const offset = (flagged ? bits & 0xff_ffff : bits) >>> 3;
      const called = this.#text(this.#bytes.readUInt32LE(at));
      if (called === name) return { offset, type };
      const inner = called === "" ? this.#member(type, name) : undefined;
      if (inner !== undefined) return { offset: offset + inner.offset, type: inner.type };
    }
    return undefined;
  }

  #plain(id: number): Type {
    let type = this.#types[id];
    while (type !== undefined && TRANSPARENT.includes(type.kind)) type = this.#types[type.sizeOrType];
    if (type === undefined) throw new Error("the kernel's types end too early");
    return type;
  }

  #text(offset: number): string {
    const start = this.#strings + offset;
    return this.#bytes.toString("latin1", start, this.#bytes.indexOf(0, start));
  }
}

/** Bytes that follow the twelve which every type has. */
function tailOf(kind: number, count: number): number {
  switch (kind) {
    case INT:
    case VARIABLE:
    case DECLARATION_TAG:
      return 4;
    case ARRAY:
      return 12;
    case STRUCT:
    case UNION:
    case SECTION:
    case ENUM64:
      return count * 12;
    case ENUM:
    case FUNCTION_PROTOTYPE:
      return count * 8;
    default:
      return 0;
  }
}
