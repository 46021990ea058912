import {
  ARP,
  assemble,
  CONTINUE,
  DROP,
  ETHERNET,
  ETHERTYPE,
  IPV4,
  IPV4_LEAST,
  IPV6,
  PASS,
  TCP,
  TCP_LEAST,
  type Instruction,
  type Verdict,
} from "./bpf.ts";
import type { FencePlan } from "./plan.ts";
import { addressNumber } from "./subnet.ts";

/** Whose packets a port may bring, and what becomes of them. */
export interface PortFilterOptions {
  readonly address: string;
  readonly mac: string;
  /** The bridge's own hardware address. */
  readonly bridgeMac: string;
  /** Whether the gateway's SSH, and all the rest, are led to the shaper. */
  readonly shaped: { readonly leg: boolean; readonly rest: boolean };
}

/**
 * What a sandbox's port takes from it; every other frame dies there, without any state and before netfilter:
 *
 * - frames of its own hardware address, to the bridge or to all, without a VLAN's tag;
 * - ARP in its own name, about the gateway or itself;
 * - IPv4 of its own address, into the sandboxes' subnet only to the gateway;
 * - IPv4 of an address outside that subnet, and IPv6. Netfilter drops both, and tells of them, which is the reason
 *   why they get that far: its prerouting comes before the bridge's classifier, as was tried. A neighbour's address it could not tell from the neighbour, so that one ends here.
 */
export function portFilter(plan: FencePlan, { address, mac, bridgeMac, shaped }: PortFilterOptions): string {
  const { subnet } = plan;
  const own = addressNumber(address);
  const gateway = addressNumber(plan.gateway);
  const leg = shaped.leg ? CONTINUE : PASS;
  const rest = shaped.rest ? CONTINUE : PASS;
  return assemble([
    { loadTagged: true },
    { ifNotEqual: 0, go: DROP },
    { loadLength: true },
    { ifLess: ETHERNET + IPV4_LEAST, go: DROP },
    ...unlessMac(6, mac, DROP),
    { load: "byte", at: 0 },
    { ifAny: 1, go: "to all" },
    ...unlessMac(0, bridgeMac, DROP),
    { label: "to all" },
    { load: "half", at: ETHERTYPE },
    { ifEqual: ARP, go: "arp" },
    { ifEqual: IPV6, go: rest },
    { ifNotEqual: IPV4, go: DROP },
    { load: "word", at: ETHERNET + 12 },
    { ifEqual: own, go: "own" },
    { and: subnet.mask },
    { ifEqual: subnet.network, go: DROP },
    rest,
    { label: "own" },
    { load: "word", at: ETHERNET + 16 },
    { ifEqual: gateway, go: "well addressed" },
    { and: subnet.mask },
    { ifEqual: subnet.network, go: DROP },
    { label: "well addressed" },
    ...ifLeg("source", plan.sshPort, leg, rest),
    { label: "arp" },
    { loadLength: true },
    { ifLess: ETHERNET + ARP_LENGTH, go: DROP },
    // Ethernet and IPv4, in their lengths; a question or an answer.
    { load: "word", at: ETHERNET },
    { ifNotEqual: 0x0001_0800, go: DROP },
    { load: "half", at: ETHERNET + 4 },
    { ifNotEqual: 0x0604, go: DROP },
    { load: "half", at: ETHERNET + 6 },
    { ifEqual: 1, go: "asks" },
    { ifNotEqual: 2, go: DROP },
    { label: "asks" },
    ...unlessMac(ETHERNET + 8, mac, DROP),
    { load: "word", at: ETHERNET + 14 },
    { ifNotEqual: own, go: DROP },
    { load: "word", at: ETHERNET + 24 },
    { ifEqual: gateway, go: leg },
    { ifEqual: own, go: leg },
    DROP,
    leg,
  ]);
}

/**
 * The class of a packet on its way to or from a sandbox. ARP goes with the gateway's SSH, which would be cut off by a
 * flood otherwise.
 */
export function legClassifier(
  plan: FencePlan,
  port: "source" | "destination",
  classes: { readonly leg: number; readonly rest: number },
): string {
  const leg = { verdict: classes.leg };
  const rest = { verdict: classes.rest };
  return assemble([
    { load: "half", at: ETHERTYPE },
    { ifEqual: ARP, go: leg },
    { ifNotEqual: IPV4, go: rest },
    ...ifLeg(port, plan.sshPort, leg, rest),
  ]);
}

/**
 * The gateway's SSH by its port, at the one place where it is without IP options. A fragment or a packet with options
 * only looks as if: netfilter would put it together and read another port.
 */
function ifLeg(port: "source" | "destination", sshPort: number, leg: Verdict, rest: Verdict): Instruction[] {
  return [
    { loadLength: true },
    { ifLess: ETHERNET + IPV4_LEAST + TCP_LEAST, go: rest },
    { load: "byte", at: ETHERNET },
    { ifNotEqual: 0x45, go: rest },
    { load: "byte", at: ETHERNET + 9 },
    { ifNotEqual: TCP, go: rest },
    { load: "half", at: ETHERNET + 6 },
    { ifAny: 0x3fff, go: rest },
    { load: "half", at: ETHERNET + IPV4_LEAST + (port === "source" ? 0 : 2) },
    { ifEqual: sshPort, go: leg },
    rest,
    leg,
  ];
}

function unlessMac(at: number, mac: string, go: Verdict): Instruction[] {
  const digits = mac.replaceAll(":", "");
  if (!/^[0-9a-f]{12}$/.test(digits)) throw new RangeError(`${mac} is no hardware address`);
  return [
    { load: "word", at },
    { ifNotEqual: parseInt(digits.slice(0, 8), 16), go },
    { load: "half", at: at + 4 },
    { ifNotEqual: parseInt(digits.slice(8), 16), go },
  ];
}

const ARP_LENGTH = 28;
