import { createServer, type Server } from "node:net";
import { MitsubakoError } from "../model/errors.ts";
import { isSlot, SLOTS } from "../model/slot.ts";

/** The right to everything in kernel and engine that carries the slot's number. */
export interface SlotLease extends AsyncDisposable {
  readonly slot: number;
}

/**
 * Takes a slot for as long as this process lives: an abstract socket's name is given back by the kernel however its
 * holder dies, and needs no file that could be left behind.
 *
 * @param preferred tried first, such as the one this data folder had last time, whose remains are then ours to reap.
 * @throws MitsubakoError `no-free-slot`.
 */
export async function takeSlot(preferred?: number): Promise<SlotLease> {
  for (const slot of inOrder(preferred)) {
    const lease = await trySlot(slot);
    if (lease) return lease;
  }
  throw new MitsubakoError("no-free-slot", `All ${SLOTS} slots for gateways on this machine are in use.`, {
    remedy: "Stop a gateway; `ss -xl | grep mitsubako-slot` shows who holds them.",
  });
}

/** That very slot, or undefined when a gateway that lives holds it. */
export async function trySlot(slot: number): Promise<SlotLease | undefined> {
  const server = await listen(slot);
  return server && { slot, [Symbol.asyncDispose]: () => close(server) };
}

function inOrder(preferred: number | undefined): number[] {
  const all = Array.from({ length: SLOTS }, (_, slot) => slot);
  return preferred !== undefined && isSlot(preferred)
    ? [preferred, ...all.filter((slot) => slot !== preferred)]
    : all;
}

/** Undefined when another process holds it. */
function listen(slot: number): Promise<Server | undefined> {
  // Whoever connects has nothing to say to us.
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(`\0mitsubako-slot-${slot}`, () => {
      // The lock does not keep a process alive that has nothing else to do.
      server.unref();
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
