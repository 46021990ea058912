import { createServer, type Server, type Socket } from "node:net";
import { showEndpoint, type Endpoint } from "../model/endpoint.ts";
import { MitsubakoError } from "../model/errors.ts";

/**
 * Makes sure that the addresses are ours to listen on, and finds ports for those that asked for 0. The fronts' sockets
 * are opened with SO_REUSEPORT, one for each front, so that the kernel spreads connections and a front that is
 * restarted gets a new one; without this look first, a second gateway would silently share the port.
 *
 * @throws MitsubakoError `port-taken`, `bad-listen-address`.
 */
export async function claimAddresses(addresses: readonly Endpoint[]): Promise<Endpoint[]> {
  const claimed: Endpoint[] = [];
  for (const address of addresses) {
    // Whoever comes in this moment meets no server yet.
    const server = await listen(address, false, (socket) => socket.destroy());
    const bound = server.address();
    claimed.push({
      address: address.address,
      port: typeof bound === "object" && bound ? bound.port : address.port,
    });
    await new Promise<void>((resolve) =>
      server.close(() => {
        resolve();
      }),
    );
  }
  return claimed;
}

/**
 * A listening socket for one front. Until it is closed here, strangers may be accepted here too: each is given, with nothing read, to
 * `accepted`.
 */
export function openListener(address: Endpoint, accepted: (socket: Socket) => void): Promise<Server> {
  return listen(address, true, accepted);
}

function listen(
  { address, port }: Endpoint,
  reusePort: boolean,
  accepted: (socket: Socket) => void,
): Promise<Server> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, accepted);
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(refusal(cause, { address, port }));
    });
    // 511 is Node's own default; a burst of bots must find room while a front is busy.
    server.listen({ host: address, port, reusePort, backlog: 1024 }, () => {
      resolve(server);
    });
  });
}

function refusal(cause: NodeJS.ErrnoException, endpoint: Endpoint): Error {
  const shown = showEndpoint(endpoint);
  switch (cause.code) {
    case "EADDRINUSE":
      return new MitsubakoError("port-taken", `Another program listens on ${shown} already.`, {
        remedy: `Stop it (\`ss -ltnp 'sport = :${endpoint.port}'\` names it) or choose another address with --listen.`,
        cause,
      });
    case "EACCES":
      return new MitsubakoError("not-root", `Listening on ${shown} needs root's rights.`, {
        remedy: "Run it with sudo.",
        cause,
      });
    default:
      return new MitsubakoError(
        "bad-listen-address",
        `${shown} is not an address of this machine that can be listened on (${cause.code ?? cause.message}).`,
        {
          remedy: "Give --listen an address that `ip address` shows, or 0.0.0.0 for all.",
          cause,
        },
      );
  }
}
