/** What the machine's disk has left, for whoever makes or captures sandboxes. */
export interface Room {
  /** Less than the policy's floor: nothing new is made. */
  readonly isShort: boolean;
  /** Bytes. */
  readonly free: number;
}

/** How much of what is left one capture may take, when there is little: others write there, too. */
const SHARE = 1 / 4;

/** Bytes that a capture may keep. */
export function roomForCapture(room: Room, mostBytes: number): number {
  return room.isShort ? Math.min(mostBytes, Math.floor(room.free * SHARE)) : mostBytes;
}
