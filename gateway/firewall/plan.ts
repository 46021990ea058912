import { ARCHIVIST_INDEX, bridgeOf, childUid, isSlot, tableOf } from "../model/slot.ts";
import type { Subnet } from "./subnet.ts";

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
  readonly preferences: readonly [number, number, number];
}

/** Policy routing stands before every rule that a VPN or the distribution makes (those start at 5,000 or later). */
const FIRST_PREFERENCE = 700;

export function fencePlan(slot: number, subnet: Subnet, sshPort = 22): FencePlan {
  if (!isSlot(slot)) throw new RangeError(`there is no slot ${slot}`);
  return {
    slot,
    bridge: bridgeOf(slot),
    table: tableOf(slot),
    subnet,
    gateway: subnet.first,
    sshPort,
    fronts: [childUid(slot, 0), childUid(slot, ARCHIVIST_INDEX - 1)],
    archivist: childUid(slot, ARCHIVIST_INDEX),
    preferences: preferencesOf(slot),
  };
}

export function preferencesOf(slot: number): readonly [number, number, number] {
  const first = FIRST_PREFERENCE + slot * 4;
  return [first, first + 1, first + 2];
}
