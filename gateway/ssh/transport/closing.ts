import type { Socket } from "node:net";
import type { TransportEnd } from "./transport.ts";

/** After our side has ended: how long the peer may take to end its own, and to read what is still on its way to it. Milliseconds. */
const LINGER = 1_000;
/** How long what was written may take to leave, to a peer that reads slowly. Milliseconds. */
const LONGEST_FLUSH = 60_000;

/** As OpenSSH refuses an identification: a line that says why, then close; with a reset if bytes were left unread, as the kernel does for a process that exits then. */
export function closeRefused(socket: Socket, answer: string | undefined, unread: number): void {
  const close = () => {
    if (unread > 0) socket.resetAndDestroy();
    else socket.destroySoon();
  };
  if (answer === undefined) close();
  else socket.write(`${answer}\r\n`, close);
  destroyAfter(socket, LINGER);
}

/**
 * What was written leaves, then our side ends, and soon after the whole socket; with a reset if bytes were left unread, as the kernel does for
 * a process that exits then.
 */
export function closeInOrder(socket: Socket, end: TransportEnd, leftUnread: boolean): void {
  if (leftUnread) {
    destroyAfter(socket, LINGER);
    socket.write("", () => socket.resetAndDestroy());
    return;
  }
  const orderly = end.kind === "ended-by-us" || end.kind === "disconnect";
  destroyAfter(socket, orderly ? LONGEST_FLUSH : LINGER);
  socket.end(() => {
    // OpenSSH's process is gone at this point. A reset could overtake our last words at the peer, so its own last ones are read and dropped.
    if (orderly) destroyAfter(socket, LINGER);
    else socket.destroy();
  });
}

function destroyAfter(socket: Socket, milliseconds: number): void {
  // Its "close" may have come already; a timer would then keep the connection in memory for nothing.
  if (socket.closed) return;
  const timer = setTimeout(() => socket.destroy(), milliseconds).unref();
  socket.once("close", () => {
    clearTimeout(timer);
  });
}
