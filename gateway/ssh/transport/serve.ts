import type { Socket } from "node:net";
import { STRICT_SERVER } from "./algorithms.ts";
import { Connection } from "./connection.ts";
import { algorithmsOf, parseHostKey } from "./host-key.ts";
import { buildExtInfo } from "./key-exchange.ts";
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
      extInfo: buildExtInfo(options.signatureAlgorithms),
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
    rekey: options.rekey ?? {},
    signal: options.signal,
    onIdentification: (line) => observer?.clientVersion(line),
  });
  await connection.established;
  return connection;
}
