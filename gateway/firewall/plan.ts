import {
  ARCHIVIST_INDEX,
  bridgeOf,
  childUid,
  isSlot,
  FIRST_HELPER_INDEX,
  outpostLinkOf,
  tableOf,
} from "../model/slot.ts";
import { hostAt, type Subnet } from "./subnet.ts";

/** All that a slot's fence is made from. Pure data: rules, routes and filters are rendered from it. */
export interface FencePlan {
  readonly slot: number;
  readonly bridge: string;
  readonly table: string;
  readonly subnet: Subnet;
  /** The host's own address on the bridge; the sandboxes' default gateway. */
  readonly gateway: string;
  /** Where the sandboxes' sshd listens. */
  readonly sshPort: number;
  /** First and last uid of the fronts. */
  readonly fronts: readonly [number, number];
  readonly archivist: number;
  /** Preferences of the policy routing rules, in the order they are looked at. */
  readonly preferences: readonly number[];
  readonly outpost: OutpostCable;
}

/** The cable to the outpost, which plays the world to the sandboxes in a network namespace of its own. */
export interface OutpostCable {
  /** The host's end. */
  readonly link: string;
  /** The host's address on it, and the outpost's; the last four addresses of the sandboxes' subnet are theirs alone. */
  readonly host: string;
  readonly address: string;
  readonly prefix: 30;
}

/** Policy routing stands before every rule that a VPN or the distribution makes (those start at 5,000 or later). */
const FIRST_PREFERENCE = 700;
const PREFERENCES_PER_SLOT = 8;

export function fencePlan(slot: number, subnet: Subnet, sshPort = 22): FencePlan {
  if (!isSlot(slot)) throw new RangeError(`there is no slot ${slot}`);
  return {
    slot,
    bridge: bridgeOf(slot),
    table: tableOf(slot),
    subnet,
    gateway: subnet.first,
    sshPort,
    fronts: [childUid(slot, 0), childUid(slot, FIRST_HELPER_INDEX - 1)],
    archivist: childUid(slot, ARCHIVIST_INDEX),
    preferences: preferencesOf(slot),
    outpost: {
      link: outpostLinkOf(slot),
      host: hostAt(subnet, -3),
      address: hostAt(subnet, -2),
      prefix: 30,
    },
  };
}

export function preferencesOf(slot: number): readonly number[] {
  const first = FIRST_PREFERENCE + slot * PREFERENCES_PER_SLOT;
  return Array.from({ length: PREFERENCES_PER_SLOT }, (_, index) => first + index);
}
