import type { Policy } from "../model/policy.ts";
import { shaperLinkOf } from "../model/slot.ts";
import type { FencePlan } from "./plan.ts";
import { legClassifier, portFilter } from "./port-filter.ts";
import type { SandboxPort } from "./port.ts";
import { addressNumber } from "./subnet.ts";

export type Bandwidth = Policy["network"]["bandwidth"];

/** A sandbox's port and what it should be armed with. */
export interface PortPlan extends SandboxPort {
  readonly address: string;
  readonly bandwidth: Bandwidth;
}

/** What tc should hold for one port. Pure data. */
export interface Shaping {
  /** On the port, for what goes to the sandbox; undefined: not shaped. */
  readonly down: ShapedLink | undefined;
  /** On a device of its own, to which what comes from the sandbox is led; undefined: not shaped. */
  readonly up: ShapedLink | undefined;
  /** The name of that device, whether it should be there or not. */
  readonly upLink: string;
  /** The program that looks first at what comes from the sandbox. */
  readonly filter: string;
}

export interface ShapedLink {
  readonly link: string;
  readonly classes: readonly ShapedClass[];
  readonly classifier: string;
}

export interface ShapedClass {
  readonly name: "1:10" | "1:20";
  /** Bits a second of Ethernet frames: payload and all headers, 1,514 bytes for 1,448 of TCP's payload. */
  readonly rate: number;
  /** Bytes that may leave at once: what a timer that is 10 ms late would have let go. */
  readonly burst: number;
  /** Bytes; larger segments that the sender left to the hardware are cut into frames. */
  readonly largest: number;
  /** Bytes that wait at most. */
  readonly queue: number;
}

export function shapingOf(
  plan: FencePlan,
  { port, address, mac, bandwidth }: PortPlan,
  bridgeMac: string,
): Shaping {
  const { up, down, ssh } = bandwidth;
  const upLink = shaperLinkOf(plan.slot, addressNumber(address) - plan.subnet.network);
  const shaped = { leg: ssh !== undefined, rest: up !== undefined };
  return {
    down: shapedLink(plan, port, "destination", ssh, down),
    up: shapedLink(plan, upLink, "source", ssh, up),
    upLink,
    filter: portFilter(plan, { address, mac, bridgeMac, shaped }),
  };
}

/** 1:0 is htb's way past all of its classes. */
const DIRECT = 0x1_0000;
const LEG = 0x1_0010;
const REST = 0x1_0020;

function shapedLink(
  plan: FencePlan,
  link: string,
  port: "source" | "destination",
  leg: number | undefined,
  rest: number | undefined,
): ShapedLink | undefined {
  if (leg === undefined && rest === undefined) return undefined;
  return {
    link,
    classes: [
      ...(leg === undefined ? [] : [shapedClass("1:10", leg)]),
      ...(rest === undefined ? [] : [shapedClass("1:20", rest)]),
    ],
    classifier: legClassifier(plan, port, {
      leg: leg === undefined ? DIRECT : LEG,
      rest: rest === undefined ? DIRECT : REST,
    }),
  };
}

function shapedClass(name: ShapedClass["name"], bits: number): ShapedClass {
  const bytes = bits / 8;
  return {
    name,
    rate: Math.floor(bytes) * 8,
    burst: between(2000, Math.ceil(bytes * 0.01), 16 * 2 ** 20),
    // One full frame, or 2 ms; from 262 Mbit/s on nothing is cut.
    largest: between(1600, Math.ceil(bytes * 0.002), 70_000),
    // 200 ms, but room for ten frames, and no more kernel memory than a hundred sandboxes may hold.
    queue: between(16 * 2 ** 10, Math.ceil(bytes * 0.2), 512 * 2 ** 10),
  };
}

function between(least: number, value: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
