/**
 * A front: the process that talks to strangers. It has no rights, no Docker socket, and no file but the folder that its
 * recordings are written to; what it may not do itself it asks the warden for.
 */
import { Server, Socket } from "node:net";
import type { FrontConfiguration } from "../model/front-messages.ts";
import type { SessionId } from "../model/ids.ts";
import { knownMachines } from "./known-machines.ts";
import type { LiveSession } from "./live-session.ts";
import { runSession, type Front } from "./session.ts";
import { WardenLink } from "./warden-link.ts";

const live = new Map<SessionId, LiveSession>();
const listeners: Server[] = [];
let front: Front | undefined;
let draining = false;

const warden = new WardenLink((notice, handle) => {
  switch (notice.kind) {
    case "configure":
      configure(notice.configuration);
      break;
    case "listen":
      if (handle instanceof Server) listen(handle);
      break;
    case "connection":
      if (handle instanceof Socket) void hold(handle);
      break;
    case "end-session":
      live.get(notice.session)?.end(notice.reason);
      break;
    case "deadlines":
      live.get(notice.session)?.change(notice.deadlines);
      break;
    case "sandbox-facts":
      live.get(notice.session)?.did(notice.facts);
      break;
    case "drain":
      drain(notice.within);
      break;
    default:
      notice satisfies never;
  }
});

// Nothing of ours outlives the warden: its rules stay in the kernel, its sessions end.
process.on("disconnect", () => process.exit(0));
// Signals reach the whole process group of a terminal; the warden decides what they mean for us.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);

function configure(configuration: FrontConfiguration): void {
  const first = front === undefined;
  front ??= { configuration, machines: new Map(), warden, live };
  front.machines = knownMachines(configuration, front.configuration, front.machines);
  front.configuration = configuration;
  if (first) warden.tell({ kind: "ready" });
}

function listen(server: Server): void {
  listeners.push(server);
  server.on("connection", (socket) => {
    void hold(socket);
  });
}

async function hold(socket: Socket): Promise<void> {
  // Without a listener an error event would end the process, and with it everybody's session.
  socket.on("error", () => undefined);
  if (!front || draining) {
    socket.destroy();
    return;
  }
  try {
    await runSession(socket, front);
  } catch (error) {
    // A defect of ours ends the one session that met it.
    console.error("front: a session ended with a defect:", error);
    socket.destroy();
  }
  leaveWhenDrained();
}

function drain(within: number): void {
  draining = true;
  for (const server of listeners) server.close();
  setTimeout(() => {
    for (const session of live.values()) session.end("drain");
  }, within);
  leaveWhenDrained();
}

function leaveWhenDrained(): void {
  // The messages sent before must have left before the channel closes.
  if (draining && live.size === 0) setImmediate(() => process.disconnect?.());
}
