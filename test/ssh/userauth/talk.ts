import { Inbox } from "../../../gateway/ssh/userauth/inbox.ts";
import type { Transport, TransportEnd } from "../../../gateway/ssh/transport/transport.ts";

/** A client that says exactly what the test says, and hears what comes. */
export class Talk {
  readonly transport: Transport;
  readonly #inbox: Inbox;

  constructor(transport: Transport) {
    this.transport = transport;
    this.#inbox = new Inbox(transport);
  }

  say(...payloads: readonly Buffer[]): void {
    this.transport.cork();
    for (const payload of payloads) this.transport.send(payload);
    this.transport.uncork();
  }

  /** The next payload, or how it ended. */
  async hear(): Promise<Buffer | TransportEnd> {
    const arrival = await this.#inbox.next();
    if (arrival.kind === "payload") return arrival.payload;
    if (arrival.kind === "closed") return arrival.end;
    throw new Error("nobody aborts this");
  }

  async ask(...payloads: readonly Buffer[]): Promise<Buffer | TransportEnd> {
    this.say(...payloads);
    return this.hear();
  }
}
