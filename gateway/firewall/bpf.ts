/**
 * An assembler for classic BPF, as `tc … bpf direct-action bytecode` takes it: one program is replaced atomically, and
 * every kernel with `cls_bpf` takes it without a compiler. Offsets count from the Ethernet header.
 *
 * A load beyond the packet's end ends a program with 0, which is PASS: programs ask for the length first.
 */
export const ETHERNET = 14;
export const ETHERTYPE = 12;
export const IPV4_LEAST = 20;
export const TCP_LEAST = 20;
export const IPV4 = 0x0800;
export const ARP = 0x0806;
export const IPV6 = 0x86dd;
export const TCP = 6;
export const SYN = 0x02;
export const RST = 0x04;
export const ACK = 0x10;

/** With `direct-action` one of the three below; without it, the class that a packet belongs to. */
export interface Verdict {
  readonly verdict: number;
}

/** TC_ACT_OK, TC_ACT_SHOT and TC_ACT_UNSPEC of `linux/pkt_cls.h`; the last one leaves it to the next filter. */
export const PASS: Verdict = { verdict: 0 };
export const DROP: Verdict = { verdict: 2 };
export const CONTINUE: Verdict = { verdict: 0xffffffff };

/** The next such verdict, or the label of that name; BPF knows no way back. */
export type Target = Verdict | string;
export type Instruction =
  | Verdict
  | { readonly label: string }
  | { readonly load: "byte" | "half" | "word"; readonly at: number; readonly beyondHeader?: boolean }
  | { readonly loadLength: true }
  /** Whether there is a VLAN's tag: the kernel has taken it out of the packet by then. */
  | { readonly loadTagged: true }
  /** The IPv4 header's length into the index register, from its first byte at this offset. */
  | { readonly loadHeaderLength: number }
  | { readonly and: number }
  | { readonly ifEqual: number; readonly go: Target }
  | { readonly ifNotEqual: number; readonly go: Target }
  | { readonly ifLess: number; readonly go: Target }
  | { readonly ifAny: number; readonly go: Target };

/** Opcodes of `linux/filter.h`, and the offset at which it shows whether a tag was there. */
const LOAD = { word: 0x20, half: 0x28, byte: 0x30 } as const;
const LOAD_INDEXED = { word: 0x40, half: 0x48, byte: 0x50 } as const;
const VLAN_TAG_PRESENT = 0xfffff000 + 48;

/** In the form that `tc … bpf bytecode` reads: the count, then `code jt jf k` of each. */
export function assemble(program: readonly Instruction[]): string {
  const positions = positionsOf(program);
  const lines = program.flatMap((instruction, index) => {
    const to = (target: Target) => distance(program, positions, index, target);
    return "label" in instruction ? [] : [encode(instruction, to)];
  });
  return `${lines.length},${lines.map((line) => line.join(" ")).join(",")}`;
}

function encode(
  instruction: Exclude<Instruction, { readonly label: string }>,
  to: (target: Target) => number,
): readonly number[] {
  if ("verdict" in instruction) return [0x06, 0, 0, instruction.verdict];
  if ("load" in instruction)
    return [
      (instruction.beyondHeader === true ? LOAD_INDEXED : LOAD)[instruction.load],
      0,
      0,
      instruction.at,
    ];
  if ("loadLength" in instruction) return [0x80, 0, 0, 0];
  if ("loadTagged" in instruction) return [LOAD.word, 0, 0, VLAN_TAG_PRESENT];
  if ("loadHeaderLength" in instruction) return [0xb1, 0, 0, instruction.loadHeaderLength];
  if ("and" in instruction) return [0x54, 0, 0, instruction.and];
  if ("ifEqual" in instruction) return [0x15, to(instruction.go), 0, instruction.ifEqual];
  if ("ifNotEqual" in instruction) return [0x15, 0, to(instruction.go), instruction.ifNotEqual];
  if ("ifLess" in instruction) return [0x35, 0, to(instruction.go), instruction.ifLess];
  return [0x45, to(instruction.go), 0, instruction.ifAny];
}

/** Where each entry stands once the labels, which take no room, are gone. */
function positionsOf(program: readonly Instruction[]): readonly number[] {
  let position = 0;
  return program.map((instruction) => ("label" in instruction ? position : position++));
}

/** Jumps are relative to the next instruction and have one byte. */
function distance(
  program: readonly Instruction[],
  positions: readonly number[],
  from: number,
  target: Target,
): number {
  const found = program.findIndex(
    (other, index) =>
      index > from &&
      (typeof target === "string" ? "label" in other && other.label === target : other === target),
  );
  const steps = (positions[found] ?? NaN) - (positions[from] ?? NaN) - 1;
  if (!(steps >= 0 && steps <= 255)) throw new RangeError(`no way to ${JSON.stringify(target)}`);
  return steps;
}
