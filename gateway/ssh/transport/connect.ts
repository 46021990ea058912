import type { Socket } from "node:net";
import { CLIENT_KEX, EXT_INFO_CLIENT, IMPLEMENTED, STRICT_CLIENT } from "./algorithms.ts";
import { Connection } from "./connection.ts";
import { algorithmsOf } from "./host-key.ts";
import { symmetricOffer } from "./kexinit.ts";
import type { ConnectOptions } from "./options.ts";

/** What is fastest here comes first; the measurements are in docs/decisions/own-transport.md. */
const PREFERRED = {
  kex: ["curve25519-sha256", ...CLIENT_KEX.filter((name) => name !== "curve25519-sha256")],
  hostKey: ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"],
  cipher: [
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
  ],
  mac: IMPLEMENTED.mac,
  compression: ["none"],
};

/**
 * The client's side of a connection that is or is being made: identification and first key exchange. As `serveTransport` in all else.
 *
 * @throws TransportFailed
 */
export async function connectTransport(socket: Socket, options: ConnectOptions): Promise<Connection> {
  const lists = { ...PREFERRED, ...options.offer };
  const { hostKeys } = options;
  const provable = hostKeys === "any" ? lists.hostKey : hostKeys.flatMap(({ type }) => algorithmsOf(type));
  const markers = [EXT_INFO_CLIENT, ...(options.strict === false ? [] : [STRICT_CLIENT])];
  const connection = new Connection(socket, {
    role: {
      kind: "client",
      expected: hostKeys === "any" ? hostKeys : hostKeys.map(({ publicKey }) => blobOf(publicKey)),
      observer: options.observer,
    },
    identification: options.identification,
    offer: symmetricOffer({
      ...lists,
      kex: [...lists.kex, ...markers],
      hostKey: lists.hostKey.filter((name) => provable.includes(name)),
    }),
    withheld: [],
    rekey: options.rekey ?? {},
    signal: options.signal,
    onIdentification: () => undefined,
  });
  await connection.established;
  return connection;
}

/** Out of a `.pub` line: type, base64, comment. */
function blobOf(publicKey: string): Buffer {
  return Buffer.from(publicKey.trim().split(/\s+/)[1] ?? "", "base64");
}
