/**
 * Several gateways can run on one machine; each holds one slot, and all that it has in the kernel and in the engine
 * carries that slot's number, so that whoever holds the slot next can tell what was left behind.
 */
export const SLOTS = 16;

/**
 * Places among a slot's unprivileged users: the archivist, the outpost, what reads netfilter's log for it, the courier. Those from
 * FIRST_HELPER_INDEX on may open no connection at all; below it are the fronts.
 */
export const ARCHIVIST_INDEX = 63;
export const OUTPOST_INDEX = 62;
export const LOG_INDEX = 61;
export const COURIER_INDEX = 60;
export const FILE_WITNESS_INDEX = 58;
/** The watcher of processes, and what puts its programs into the kernel. */
export const WATCHER_INDEX = 57;
export const TAP_INDEX = 56;
export const FIRST_HELPER_INDEX = 48;

const FIRST_UID = 1_900_000_000;
const UIDS_PER_SLOT = 64;

/**
 * The uid, and gid, of a slot's n-th unprivileged process. They have no name and lie far from what distributions,
 * directory services and user namespaces hand out.
 */
export function childUid(slot: number, index: number): number {
  if (!isSlot(slot) || !Number.isInteger(index) || index < 0 || index >= UIDS_PER_SLOT)
    throw new RangeError(`no unprivileged user ${index} in slot ${slot}`);
  return FIRST_UID + slot * UIDS_PER_SLOT + index;
}

/** All of a slot's. */
export function childUids(slot: number): number[] {
  return Array.from({ length: UIDS_PER_SLOT }, (_, index) => childUid(slot, index));
}

export function isSlot(slot: number): boolean {
  return Number.isInteger(slot) && slot >= 0 && slot < SLOTS;
}

/** The bridge that the slot's sandboxes hang on. */
export function bridgeOf(slot: number): string {
  return `mbk${slot}`;
}

/** The slot's nftables tables, one of family inet and one of family bridge. */
export function tableOf(slot: number): string {
  return `mitsubako${slot}`;
}

/** The host's end of the cable to the slot's outpost. */
export function outpostLinkOf(slot: number): string {
  return `mbo${slot}`;
}

/** The device that shapes what a slot's n-th address sends. The kernel allows 15 characters. */
export function shaperLinkOf(slot: number, number: number): string {
  return `${shaperPrefixOf(slot)}${number}`;
}

export function shaperPrefixOf(slot: number): string {
  return `mbi${slot}.`;
}
