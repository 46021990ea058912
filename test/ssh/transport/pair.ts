import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { Extension } from "../../../gateway/model/learned.ts";
import type { HostKeyFile } from "../../../gateway/model/persona.ts";
import { MSG } from "../../../gateway/ssh/messages/numbers.ts";
import { IMPLEMENTED } from "../../../gateway/ssh/transport/algorithms.ts";
import { connectTransport } from "../../../gateway/ssh/transport/connect.ts";
import type { ConnectOptions, ServeOptions } from "../../../gateway/ssh/transport/options.ts";
import { serveTransport } from "../../../gateway/ssh/transport/serve.ts";
import type { Connection } from "../../../gateway/ssh/transport/connection.ts";
import { HOST_KEYS } from "./keys.ts";

/** What OpenSSH 9.2 says in EXT_INFO. */
export function extensionsOf9_2(signatureAlgorithms: readonly string[]): Extension[] {
  return [
    { name: "server-sig-algs", value: signatureAlgorithms.join() },
    { name: "publickey-hostbound@openssh.com", value: "0" },
  ];
}

export const SERVER_OPTIONS: ServeOptions = {
  identification: "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10",
  hostKeys: HOST_KEYS,
  offer: IMPLEMENTED,
  extensions: extensionsOf9_2(["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"]),
};

export const CLIENT_OPTIONS: ConnectOptions & { readonly hostKeys: readonly HostKeyFile[] } = {
  identification: "SSH-2.0-OpenSSH_9.2p1",
  hostKeys: HOST_KEYS,
};

export interface Sockets extends AsyncDisposable {
  /** The accepted end and the connecting end. */
  readonly server: Socket;
  readonly client: Socket;
}

/** Two ends of one connection over loopback. */
export async function socketPair(): Promise<Sockets> {
  const listener = createServer({ pauseOnConnect: false });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const client = connect((listener.address() as AddressInfo).port, "127.0.0.1");
  const [server] = (await once(listener, "connection")) as [Socket];
  for (const socket of [server, client]) socket.on("error", () => undefined);
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      server.destroy();
      client.destroy();
      listener.close();
      await once(listener, "close");
    },
  };
}

export interface Pair extends AsyncDisposable {
  readonly server: Connection;
  readonly client: Connection;
}

/** A server and a client of ours, past their first key exchange. */
export async function transportPair(
  serve: Partial<ServeOptions> = {},
  connecting: Partial<ConnectOptions> = {},
): Promise<Pair> {
  const sockets = await socketPair();
  const [server, client] = await Promise.all([
    serveTransport(sockets.server, { ...SERVER_OPTIONS, ...serve }),
    connectTransport(sockets.client, { ...CLIENT_OPTIONS, ...connecting }),
  ]);
  return { server, client, [Symbol.asyncDispose]: () => sockets[Symbol.asyncDispose]() };
}

/** What the end of a login does to both: from here on the limits of new keys count, and compression runs if agreed. */
export async function logIn({ server, client }: Pick<Pair, "server" | "client">): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  client.attach({
    payload(bytes) {
      if (bytes[0] !== MSG.USERAUTH_SUCCESS) return;
      client.startDelayedCompression();
      client.attach(null);
      resolve(undefined);
    },
  });
  server.send(Buffer.of(MSG.USERAUTH_SUCCESS));
  server.startDelayedCompression();
  await promise;
}
