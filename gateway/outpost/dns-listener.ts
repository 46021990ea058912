import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { listening } from "./listening.ts";
import type { Resolver } from "./resolver.ts";
import type { SandboxNetwork } from "./sandbox-network.ts";

export interface DnsListenerOptions {
  readonly address: string;
  readonly port: number;
  readonly network: SandboxNetwork;
  readonly resolver: Resolver;
}

const MOST_CONNECTIONS = 64;
const MOST_PER_SANDBOX = 4;
/** Milliseconds; a connection asks its question at once, or not at all. */
const CONNECTION_LIFE = 10_000;
/** Questions of one connection. */
const MOST_QUESTIONS = 16;
/** Questions that wait for their answer. Those beyond are dropped, as an overloaded resolver does. */
const MOST_WAITING = 256;

/** The resolver's sockets: datagrams and connections. */
export class DnsListener implements AsyncDisposable {
  readonly #options: DnsListenerOptions;
  readonly #datagrams: DatagramSocket;
  readonly #server: Server;
  readonly #connections = new Map<Socket, string>();
  #waiting = 0;
  #open = true;

  private constructor(options: DnsListenerOptions) {
    this.#options = options;
    this.#datagrams = createSocket("udp4");
    this.#datagrams.on("message", (message, { address, port }) => {
      void this.#answer(message, { sandbox: address, port, protocol: "udp" }).then((answer) => {
        if (answer && this.#open) this.#datagrams.send(answer, port, address, () => undefined);
      });
    });
    this.#datagrams.on("error", () => undefined);
    // Who has asked all may say so before the answer is there.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#connected(socket);
    });
  }

  /** @throws what the kernel says when the address cannot be listened on. */
  static async open(options: DnsListenerOptions): Promise<DnsListener> {
    const listener = new DnsListener(options);
    try {
      await listening(listener.#datagrams, (done) =>
        listener.#datagrams.bind(options.port, options.address, done),
      );
      await listening(listener.#server, (done) =>
        listener.#server.listen(options.port, options.address, done),
      );
      return listener;
    } catch (error) {
      await listener[Symbol.asyncDispose]();
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return Promise.resolve();
    this.#open = false;
    this.#datagrams.close();
    for (const socket of this.#connections.keys()) socket.destroy();
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  async #answer(message: Buffer, asker: Parameters<Resolver["answer"]>[1]): Promise<Buffer | undefined> {
    if (!this.#options.network.has(asker.sandbox) || this.#waiting >= MOST_WAITING) return undefined;
    this.#waiting++;
    try {
      return await this.#options.resolver.answer(message, asker);
    } finally {
      this.#waiting--;
    }
  }

  /** Each message stands behind its length (RFC 1035, 4.2.2); they are answered one after the other. */
  #connected(socket: Socket): void {
    const sandbox = socket.remoteAddress ?? "";
    const port = socket.remotePort ?? 0;
    const own = [...this.#connections.values()].filter((each) => each === sandbox).length;
    socket.on("error", () => undefined);
    if (
      !this.#options.network.has(sandbox) ||
      this.#connections.size >= MOST_CONNECTIONS ||
      own >= MOST_PER_SANDBOX
    ) {
      socket.destroy();
      return;
    }
    this.#connections.set(socket, sandbox);
    const timer = setTimeout(() => socket.destroy(), CONNECTION_LIFE);
    socket.on("close", () => {
      clearTimeout(timer);
      this.#connections.delete(socket);
    });
    void this.#converse(socket, { sandbox, port, protocol: "tcp" }).then(
      () => socket.end(),
      () => socket.destroy(),
    );
  }

  async #converse(socket: Socket, asker: Parameters<Resolver["answer"]>[1]): Promise<void> {
    let bytes: Buffer = Buffer.alloc(0);
    let questions = 0;
    // Reading on only when answered bounds what is kept to one message and one read.
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
        if (++questions > MOST_QUESTIONS) return;
        const end = 2 + bytes.readUInt16BE(0);
        const answer = await this.#answer(bytes.subarray(2, end), asker);
        bytes = bytes.subarray(end);
        if (!answer) return;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.write(Buffer.concat([length, answer]));
      }
    }
  }
}
