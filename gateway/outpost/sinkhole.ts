import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import type { SecureContext } from "node:tls";
import { toByteString } from "../model/bytes.ts";
import { MOST_FIRST_BYTES } from "../model/network-facts.ts";
import { OUTPOST_PORTS } from "../model/outpost-messages.ts";
import type { Flows } from "./flows.ts";
import { listening } from "./listening.ts";
import type { SandboxNetwork } from "./sandbox-network.ts";
import { SinkholeConnection, type Service } from "./sinkhole-connection.ts";
import { UNKNOWN_ADDRESS, type Tell } from "./teller.ts";

export interface SinkholeOptions {
  readonly address: string;
  readonly network: SandboxNetwork;
  readonly tls: SecureContext;
  readonly flows: Flows;
  readonly tell: Tell;
  /** The name that an address was invented for. */
  readonly hostAt: (address: string) => string | undefined;
}

const MOST_CONNECTIONS = 512;
const MOST_PER_SANDBOX = 32;
/** Datagrams that wait for the log; those beyond are told by the log alone. */
const MOST_DATAGRAMS = 1024;

const SERVICES: readonly (readonly [port: number, service: Service])[] = [
  [OUTPOST_PORTS.tcp, "open"],
  [OUTPOST_PORTS.smtp, "smtp"],
  [OUTPOST_PORTS.smtps, "smtps"],
];

/** Where the sandboxes' connections end, whatever address they were for. */
export class Sinkhole implements AsyncDisposable {
  readonly #options: SinkholeOptions;
  readonly #servers: Server[] = [];
  readonly #datagrams: DatagramSocket;
  readonly #bySandbox = new Map<string, Set<SinkholeConnection>>();
  #connections = 0;
  #waiting = 0;
  #open = true;

  private constructor(options: SinkholeOptions) {
    this.#options = options;
    this.#datagrams = createSocket("udp4");
    this.#datagrams.on("error", () => undefined);
    this.#datagrams.on("message", (message, { address, port }) => {
      this.#received(message, address, port);
    });
  }

  /** @throws what the kernel says when the address cannot be listened on. */
  static async open(options: SinkholeOptions): Promise<Sinkhole> {
    const sinkhole = new Sinkhole(options);
    const { address } = options;
    try {
      for (const [port, service] of SERVICES) {
        const server = createServer((socket) => {
          sinkhole.#connected(socket, service);
        });
        sinkhole.#servers.push(server);
        await listening(server, (done) => server.listen(port, address, done));
      }
      await listening(sinkhole.#datagrams, (done) =>
        sinkhole.#datagrams.bind(OUTPOST_PORTS.udp, address, done),
      );
      return sinkhole;
    } catch (error) {
      await sinkhole[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#datagrams.close();
    for (const connections of this.#bySandbox.values())
      for (const connection of connections) connection.destroy();
    await Promise.all(
      this.#servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            // It says that it was not open when it never was.
            server.close(() => {
              resolve();
            });
          }),
      ),
    );
  }

  #connected(socket: Socket, service: Service): void {
    const sandbox = socket.remoteAddress ?? "";
    const from = socket.remotePort ?? 0;
    const { network, flows, tls, hostAt, tell } = this.#options;
    const own = this.#bySandbox.get(sandbox) ?? new Set();
    if (!network.has(sandbox) || this.#connections >= MOST_CONNECTIONS || own.size >= MOST_PER_SANDBOX) {
      // Not claimed: the log tells of it.
      socket.on("error", () => undefined);
      socket.destroy();
      return;
    }
    const ledAway = flows.claim(sandbox, "tcp", from);
    const connection = new SinkholeConnection({
      socket,
      service,
      tls,
      hostAt,
      ledAway,
      tell: (seen, logged, port) => {
        const to = logged?.to ?? { address: UNKNOWN_ADDRESS, port };
        tell(
          { kind: "network", rule: "sinkhole", protocol: "tcp", from, to, count: 1, ...seen },
          { sandbox, mac: logged?.mac },
        );
      },
    });
    this.#connections++;
    this.#bySandbox.set(sandbox, own.add(connection));
    socket.once("close", () => {
      this.#connections--;
      own.delete(connection);
      if (own.size === 0) this.#bySandbox.delete(sandbox);
      // Without a word of the log it stays claimed, so that a late one makes no second fact.
      void ledAway.then((logged) => {
        if (logged) flows.release(sandbox, "tcp", from);
      });
    });
  }

  #received(message: Buffer, sandbox: string, from: number): void {
    const { network, flows, tell } = this.#options;
    if (!network.has(sandbox) || this.#waiting >= MOST_DATAGRAMS) return;
    this.#waiting++;
    const data = toByteString(message.subarray(0, MOST_FIRST_BYTES));
    void flows.claim(sandbox, "udp", from).then((ledAway) => {
      this.#waiting--;
      tell(
        {
          kind: "network",
          rule: "sinkhole",
          protocol: "udp",
          from,
          to: ledAway?.to ?? { address: UNKNOWN_ADDRESS, port: 0 },
          count: 1,
          ...(data === "" ? {} : { data }),
          size: message.length,
        },
        { sandbox, mac: ledAway?.mac },
      );
    });
  }
}
