/**
 * The courier's process: unprivileged, without a network, started by the warden with an IPC channel. Connections to the receiver come by
 * that channel; events come out of the spool.
 */
import { Socket } from "node:net";
import type { FromCourier, ToCourier } from "../model/courier-messages.ts";
import { Connections } from "./connections.ts";
import { Courier } from "./courier.ts";

let courier: Courier | undefined;
const connections = new Connections((ask) => {
  say({ kind: "connect", ask });
});

process.on("message", (message: ToCourier, handle: unknown) => {
  switch (message.kind) {
    case "configure":
      if (courier !== undefined) {
        courier.configure(message.configuration);
        break;
      }
      courier = new Courier(message.configuration, (signal) => connections.open(signal), say);
      courier.run().then(leave, fail);
      say({ kind: "ready" });
      break;
    case "connected":
      connections.connected(message.ask, handle instanceof Socket ? handle : undefined);
      break;
    case "not-connected":
      connections.notConnected(message.ask, message.why);
      break;
    case "drain":
      if (courier === undefined) leave();
      else courier.drain();
      break;
    default:
      message satisfies never;
  }
});

// The warden is gone, and with it who connects; the next start goes on from the cursor.
process.on("disconnect", () => process.exit());
// A terminal's ^C and a service manager's SIGTERM reach the whole group; the warden says when to drain.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
process.on("uncaughtException", fail);

function say(message: FromCourier, then: () => void = () => undefined): void {
  if (process.connected) process.send?.(message, then);
}

function leave(): void {
  process.exit();
}

/** The warden starts it anew. */
function fail(error: unknown): void {
  process.exitCode = 1;
  say(
    { kind: "problem", message: error instanceof Error ? (error.stack ?? error.message) : String(error) },
    leave,
  );
  if (!process.connected) leave();
}
