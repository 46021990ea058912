import {
  ACK,
  ARP,
  assemble,
  DROP,
  ETHERNET,
  ETHERTYPE,
  IPV4,
  IPV4_LEAST,
  PASS,
  RST,
  SYN,
  TCP,
  TCP_LEAST,
  type Instruction,
} from "./bpf.ts";
import type { Egress } from "./egress.ts";
import type { FencePlan } from "./plan.ts";
import { numbersOf } from "./subnet.ts";

/**
 * What the bridge hands up to the host is looked at once more by a classifier on the bridge itself: ARP, and TCP
 * segments from the sandboxes' SSH port that open no connection; where the policy opens a way out, also what goes to no fenced
 * address, or to the outpost. It knows no state and no table of netfilter's, so it
 * still stands after `nft flush ruleset`, `iptables -F` and `conntrack -F`, which is when the host's own services
 * would be open to a sandbox (routing cannot bar these: local addresses come first; the fences hold them). netfilter's
 * prerouting has seen a packet before it comes here, so what is led to the outpost has its address by now.
 */
export function ingressFilter({ subnet, sshPort, outpost }: FencePlan, egress: Egress): string {
  return assemble([
    { load: "half", at: ETHERTYPE },
    { ifEqual: ARP, go: "pass" },
    { ifNotEqual: IPV4, go: "drop" },
    // A load beyond the packet's end would end the program with 0, which is PASS.
    { loadLength: true },
    { ifLess: ETHERNET + IPV4_LEAST + 8, go: "drop" },
    { load: "word", at: SOURCE },
    { ifEqual: (subnet.network + 1) >>> 0, go: "drop" },
    { and: subnet.mask },
    { ifNotEqual: subnet.network, go: "drop" },
    // No fragments: only the first would carry the port and the flags.
    { load: "half", at: ETHERNET + 6 },
    { ifAny: 0x3fff, go: "drop" },
    { load: "byte", at: PROTOCOL },
    { ifNotEqual: TCP, go: "not-ssh" },
    { loadLength: true },
    { ifLess: ETHERNET + IPV4_LEAST + TCP_LEAST, go: "drop" },
    { loadHeaderLength: ETHERNET },
    { load: "half", at: ETHERNET, beyondHeader: true },
    { ifNotEqual: sshPort, go: "not-ssh" },
    { load: "byte", at: ETHERNET + 13, beyondHeader: true },
    // A segment of a connection that exists has ACK, or resets it; one with SYN and without ACK opens one.
    { and: SYN | RST | ACK },
    { ifEqual: 0, go: "drop" },
    { ifEqual: SYN, go: "drop" },
    { ifEqual: SYN | RST, go: "drop" },
    { label: "pass" },
    PASS,
    { label: "drop" },
    DROP,
    { label: "not-ssh" },
    ...(egress.isOpen ? destinations(egress, numbersOf(outpost.address).network) : []),
    { ...DROP },
  ]);
}

const SOURCE = ETHERNET + 12;
const PROTOCOL = ETHERNET + 9;
const DESTINATION = ETHERNET + 16;

/** Jumps reach 255 instructions, so each range ends by itself. */
function destinations({ own, fences, openings }: Egress, outpost: number): Instruction[] {
  const within = (range: string, verdict: { readonly verdict: number }, label: string): Instruction[] => {
    const { network, mask } = numbersOf(range);
    return [
      { load: "word", at: DESTINATION },
      { and: mask },
      { ifNotEqual: network, go: label },
      { ...verdict },
      { label },
    ];
  };
  return [
    { load: "word", at: DESTINATION },
    { ifNotEqual: outpost, go: "not-outpost" },
    { ...PASS },
    { label: "not-outpost" },
    ...own.flatMap((address, index) => within(address, DROP, `own-${index}`)),
    ...openings.flatMap((range, index) => within(range, PASS, `opening-${index}`)),
    ...fences.flatMap((range, index) => within(range, DROP, `fence-${index}`)),
    { ...PASS },
  ];
}
