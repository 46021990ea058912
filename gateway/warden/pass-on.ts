import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { ToFront } from "../model/front-messages.ts";

/**
 * Gives a front the socket of a stranger who came to the warden's descriptor in the moment before it was closed. The warden keeps its
 * own of the connection until the message is on its way or the front is dead, and closes it by itself: Node, left to do so, keeps it open for ever
 * where the front dies before it has thanked for it, and the stranger waits as long.
 */
export function passOn(front: ChildProcess, socket: Socket): void {
  const done = () => {
    front.off("exit", done);
    socket.destroy();
  };
  socket.on("error", done);
  front.once("exit", done);
  const message: ToFront = { type: "notice", notice: { kind: "connection" } };
  if (front.connected) front.send(message, socket, { keepOpen: true }, done);
  else done();
}
