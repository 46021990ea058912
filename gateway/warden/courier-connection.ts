import { connect, type Socket } from "node:net";
import type { Receiver } from "./courier-task.ts";

/**
 * A connection to the receiver, open and unread.
 *
 * @param timeout milliseconds.
 * @throws where there is none in time.
 */
export function connectTo({ host, port, onlyLoopback }: Receiver, timeout: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, autoSelectFamily: true, noDelay: true });
    // Whoever it is handed to reads it.
    socket.pause();
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => {
      fail(new Error("it cannot be reached in time"));
    }, timeout);
    socket.once("error", fail);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", fail);
      if (onlyLoopback && !isLoopback(socket.remoteAddress ?? "")) {
        fail(new Error(`${host} is another machine, and what is sent by http:// could be read on the way`));
        return;
      }
      resolve(socket);
    });
  });
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^(?:::ffff:)?127\./.test(address);
}
