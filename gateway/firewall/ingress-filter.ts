import type { FencePlan } from "./plan.ts";

/**
 * What the bridge hands up to the host is looked at once more by a classifier on the bridge itself: ARP, and TCP
 * segments from the sandboxes' SSH port that open no connection. It knows no state and no table of netfilter's, so it
 * still stands after `nft flush ruleset`, `iptables -F` and `conntrack -F`, which is when the host's own services
 * would be open to a sandbox (routing cannot bar these: local addresses come first).
 *
 * Classic BPF, because one program is replaced atomically and every kernel with `cls_bpf` takes it without a compiler;
 * its return values are those of `linux/pkt_cls.h`. Offsets count from the Ethernet header.
 */
export function ingressFilter({ subnet, sshPort }: FencePlan): string {
  return assemble([
    { load: "half", at: ETHERTYPE },
    { ifEqual: ARP, go: PASS },
    { ifNotEqual: IPV4, go: DROP },
    // A load beyond the packet's end would end the program with 0, which is PASS.
    { loadLength: true },
    { ifLess: ETHERNET + IPV4_LEAST + TCP_LEAST, go: DROP },
    { load: "byte", at: ETHERNET + 9 },
    { ifNotEqual: TCP, go: DROP },
    { load: "word", at: ETHERNET + 12 },
    { ifEqual: (subnet.network + 1) >>> 0, go: DROP },
    { and: subnet.mask },
    { ifNotEqual: subnet.network, go: DROP },
    // No fragments: only the first would carry the port and the flags.
    { load: "half", at: ETHERNET + 6 },
    { ifAny: 0x3fff, go: DROP },
    { loadHeaderLength: ETHERNET },
    { load: "half", at: ETHERNET, beyondHeader: true },
    { ifNotEqual: sshPort, go: DROP },
    { load: "byte", at: ETHERNET + 13, beyondHeader: true },
    // A segment of a connection that exists has ACK, or resets it; one with SYN and without ACK opens one.
    { and: SYN | RST | ACK },
    { ifEqual: 0, go: DROP },
    { ifEqual: SYN, go: DROP },
    { ifEqual: SYN | RST, go: DROP },
    PASS,
    DROP,
  ]);
}

const ETHERNET = 14;
const ETHERTYPE = 12;
const IPV4_LEAST = 20;
const TCP_LEAST = 20;
const IPV4 = 0x0800;
const ARP = 0x0806;
const TCP = 6;
const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;

/** TC_ACT_OK and TC_ACT_SHOT. */
const PASS = { verdict: 0 } as const;
const DROP = { verdict: 2 } as const;

type Verdict = typeof PASS | typeof DROP;
type Instruction =
  | Verdict
  | { readonly load: "byte" | "half" | "word"; readonly at: number; readonly beyondHeader?: boolean }
  | { readonly loadLength: true }
  /** The IPv4 header's length into the index register, from its first byte at this offset. */
  | { readonly loadHeaderLength: number }
  | { readonly and: number }
  | { readonly ifEqual: number; readonly go: Verdict }
  | { readonly ifNotEqual: number; readonly go: Verdict }
  | { readonly ifLess: number; readonly go: Verdict }
  | { readonly ifAny: number; readonly go: Verdict };

/** Opcodes of `linux/filter.h`. */
const LOAD = { word: 0x20, half: 0x28, byte: 0x30 } as const;
const LOAD_INDEXED = { word: 0x40, half: 0x48, byte: 0x50 } as const;

/** In the form that `tc … bpf bytecode` reads: the count, then `code jt jf k` of each. */
function assemble(program: readonly Instruction[]): string {
  const lines = program.map((instruction, index) => {
    /** Jumps are relative to the next instruction; the verdicts stand at the end. */
    const to = (verdict: Verdict) => program.indexOf(verdict) - index - 1;
    if ("verdict" in instruction) return [0x06, 0, 0, instruction.verdict];
    if ("load" in instruction)
      return [
        (instruction.beyondHeader === true ? LOAD_INDEXED : LOAD)[instruction.load],
        0,
        0,
        instruction.at,
      ];
    if ("loadLength" in instruction) return [0x80, 0, 0, 0];
    if ("loadHeaderLength" in instruction) return [0xb1, 0, 0, instruction.loadHeaderLength];
    if ("and" in instruction) return [0x54, 0, 0, instruction.and];
    if ("ifEqual" in instruction) return [0x15, to(instruction.go), 0, instruction.ifEqual];
    if ("ifNotEqual" in instruction) return [0x15, 0, to(instruction.go), instruction.ifNotEqual];
    if ("ifLess" in instruction) return [0x35, 0, to(instruction.go), instruction.ifLess];
    return [0x45, to(instruction.go), 0, instruction.ifAny];
  });
  return `${lines.length},${lines.map((line) => line.join(" ")).join(",")}`;
}
