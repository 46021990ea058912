import type { Socket } from "node:net";
import { buildExtInfo, PING_EXTENSION } from "../messages/ext-info.ts";
import { STRICT_SERVER } from "./algorithms.ts";
import { Connection } from "./connection.ts";
import { WITHHELD } from "./identification.ts";
import { algorithmsOf, parseHostKey } from "./host-key.ts";
import { hassh, symmetricOffer } from "./kexinit.ts";
import type { ServeOptions } from "./options.ts";

/**
 * The server's side of a connection that was just accepted: identification and first key exchange. Nobody is attached yet, so what the client
 * sends next waits. The socket is the transport's from the call on, whatever comes of it, and is closed when the promise rejects.
 *
 * @throws TransportFailed when it ended before that; what the observer threw.
 */
export async function serveTransport(socket: Socket, options: ServeOptions): Promise<Connection> {
  const hostKeys = options.hostKeys.map(({ privateKey }) => parseHostKey(privateKey));
  const signable = hostKeys.flatMap(({ type }) => algorithmsOf(type));
  const { offer, observer } = options;
  const strict = options.strict !== false && !offer.kex.includes(STRICT_SERVER);
  const connection = new Connection(socket, {
    role: {
      kind: "server",
      hostKeys,
      moduli: options.moduli ?? [],
      pings: options.extensions.some(({ name }) => name === PING_EXTENSION),
      extInfo: options.extensions.length === 0 ? undefined : buildExtInfo(options.extensions),
      onOffer: (client, agreed) => {
        observer?.keyExchange(client, agreed, hassh(client));
      },
    },
    identification: options.identification,
    offer: symmetricOffer({
      ...offer,
      kex: strict ? [...offer.kex, STRICT_SERVER] : offer.kex,
      hostKey: offer.hostKey.filter((name) => signable.includes(name)),
    }),
    withheld: options.withheld ?? WITHHELD,
    rekey: options.rekey ?? {},
    signal: options.signal,
    onIdentification: (line) => observer?.clientVersion(line),
  });
  await connection.established;
  return connection;
}
