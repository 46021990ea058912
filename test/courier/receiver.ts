/** What an operator's machine may be like: takes events, or does anything else. */
import { once } from "node:events";
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer, type Server as HttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export interface Taken {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  readonly events: readonly Readonly<Record<string, unknown>>[];
  /** On the monotonic clock. */
  readonly at: number;
}

/** Answers a request that was read whole, or does not. */
export type Behaviour = (response: ServerResponse, request: Taken) => void;

export const says =
  (status: number, headers: Record<string, string> = {}): Behaviour =>
  (response) =>
    response.writeHead(status, headers).end("no");

export class Receiver {
  /** Every request, taken or not. */
  readonly asked: Taken[] = [];
  /** Those that `takes` answered. */
  readonly taken: Taken[] = [];
  readonly takes: Behaviour = (response, request) => {
    this.taken.push(request);
    response.writeHead(204).end();
  };
  /** Of the next requests, in turn; then `otherwise`. */
  readonly next: Behaviour[] = [];
  otherwise: Behaviour = this.takes;
  readonly #server: HttpServer | HttpsServer;
  readonly #scheme: string;
  readonly #waiting = new Set<() => void>();

  private constructor(t: Pick<TestContext, "after">, tls?: { key: string; cert: string }) {
    this.#scheme = tls === undefined ? "http" : "https";
    const listener: RequestListener = (request, response) => void this.#answer(request, response);
    const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    this.#server = server;
    t.after(() => this.stop());
  }

  static async start(
    t: Pick<TestContext, "after">,
    tls?: { key: string; cert: string },
    port = 0,
  ): Promise<Receiver> {
    const receiver = new Receiver(t, tls);
    receiver.#server.listen(port, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}/events?from=lab`;
  }

  get events(): readonly Readonly<Record<string, unknown>>[] {
    return this.taken.flatMap(({ events }) => events);
  }

  /** Waits until that is so, looked at after each request. */
  async until(what: string, isSo: (receiver: this) => boolean, within = 60_000): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${what}: not within ${within} ms; ${this.asked.length} requests came`));
      }, within);
      const look = () => {
        if (!isSo(this)) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch {
      return; // cut off by the sender
    }
    const body = Buffer.concat(chunks).toString("utf8");
    const text = body.startsWith("[") ? body : `[${body.trimEnd().replaceAll("\n", ",")}]`;
    const events = JSON.parse(text) as Taken["events"];
    const taken = { path: request.url ?? "", headers: request.headers, body, events, at: performance.now() };
    const behaviour = this.next.shift() ?? this.otherwise;
    this.asked.push(taken);
    behaviour(response, taken);
    for (const look of this.#waiting) look();
  }
}
