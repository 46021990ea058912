/** Servers of ours that listen, for clients of all kinds. */
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { buildServiceAccept, parseService } from "../../../gateway/ssh/messages/general.ts";
import { MSG } from "../../../gateway/ssh/messages/numbers.ts";
import type { ServeOptions } from "../../../gateway/ssh/transport/options.ts";
import { serveTransport } from "../../../gateway/ssh/transport/serve.ts";
import type { Transport } from "../../../gateway/ssh/transport/transport.ts";
import { SERVER_OPTIONS } from "./pair.ts";

export interface Listener extends AsyncDisposable {
  readonly port: number;
  /** Connections accepted so far. */
  readonly sockets: Set<Socket>;
  /** How each connection's handshake failed, in the order of failure. */
  readonly failures: unknown[];
}

/** `take` gets each connection after its first key exchange. */
export async function listen(
  take: (transport: Transport) => void,
  options: Partial<ServeOptions> = {},
): Promise<Listener> {
  const sockets = new Set<Socket>();
  const failures: unknown[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serveTransport(socket, { ...SERVER_OPTIONS, ...options }).then(take, (error: unknown) =>
      failures.push(error),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    failures,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Before login as sshd: the service ssh-userauth is there, everything else is not implemented. */
export function likeSshdBeforeLogin(transport: Transport): void {
  transport.attach({
    payload(bytes, sequence) {
      if (bytes[0] !== MSG.SERVICE_REQUEST) {
        transport.sendUnimplemented(sequence);
        return;
      }
      const message = parseService(bytes);
      if (message.kind === "malformed") transport.destroy();
      else transport.send(buildServiceAccept(message.service));
    },
  });
}
