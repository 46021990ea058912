import { isConnectionMessage, MSG } from "../messages/numbers.ts";
import { Reader } from "../messages/reader.ts";
import { payload as buildPayload, u32 } from "../messages/writer.ts";
import { Direction, type DirectionOptions } from "./direction.ts";
import type { PendingReplies } from "./pending-replies.ts";

/**
 * What sshd says aloud of a request (session.c, serverloop.c: `ssh_packet_send_debug`). Whatever else it says so is of the login, which was not
 * the attacker's own.
 */
const SAID_OF_REQUESTS: ReadonlySet<string> = new Set([
  "Server has rejected tunnel device forwarding",
  "X11 forwarding disabled by key options.",
  "X11 forwarding disabled in server configuration file.",
  "No xauth program; cannot forward X11.",
  "Can't get IP address for X11 DISPLAY.",
]);

/** From the sandbox's sshd to the attacker. */
export class FromServer extends Direction {
  /** Payloads to be said after sshd's first, which shows its host keys; at once if it says anything else first. */
  greeting: readonly Buffer[] = [];
  readonly #pending: PendingReplies;
  #awaiting = false;

  constructor(options: DirectionOptions) {
    super(options.upstream, options.downstream, options);
    this.#pending = options.pending;
  }

  protected override get held(): boolean {
    return this.#awaiting;
  }

  debug(payload: Buffer, sequence: number): void {
    if (SAID_OF_REQUESTS.has(new Reader(payload, 2).text())) this.payload(payload, sequence);
  }

  protected override take(payload: Buffer): void {
    const type = payload[0] ?? 0;
    if (type === MSG.DEBUG) {
      this.forward(payload);
      return;
    }
    if (!isConnectionMessage(type)) return; // No sshd sends any; one that an attacker planted gets no further.
    if (this.greeting.length > 0) {
      this.#greet(payload, type);
      return;
    }
    if (type === MSG.REQUEST_SUCCESS || type === MSG.REQUEST_FAILURE) this.#reply(payload);
    else this.#pass(payload);
  }

  #greet(payload: Buffer, type: number): void {
    const greeting = this.greeting;
    this.greeting = [];
    if (type === MSG.GLOBAL_REQUEST) this.#pass(payload);
    for (const message of greeting) this.forward(message);
    if (type !== MSG.GLOBAL_REQUEST) this.take(payload);
  }

  #reply(payload: Buffer): void {
    const substitute = this.#pending.shift();
    switch (substitute?.kind) {
      case undefined:
        this.#pass(payload);
        break;
      case "reply":
        this.#await(substitute.payload);
        break;
      case "unimplemented":
        this.forward(buildPayload(MSG.UNIMPLEMENTED, u32(substitute.sequence)));
        break;
      case "pong":
        this.forward(substitute.payload);
        break;
    }
    this.opposite?.regulate(); // One less is owed to the client.
  }

  /** Nothing more is read, so what follows the reply stays behind it. */
  #await(reply: Promise<Buffer>): void {
    this.#awaiting = true;
    this.regulate();
    void reply.then((payload) => {
      this.#awaiting = false;
      this.say(() => {
        this.#pass(payload);
      });
    });
  }

  #pass(payload: Buffer): void {
    this.tap.packet("upstream", payload);
    const refusal = this.bounds?.refusal("upstream", payload);
    if (refusal !== undefined) this.opposite?.answer("downstream", refusal);
    else this.forward(payload);
  }
}
