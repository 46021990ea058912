import type { HostKeyFile } from "../../model/persona.ts";
import { buildDebug, buildDisconnect } from "../messages/general.ts";
import type { Transport, TransportEnd } from "../transport/transport.ts";
import { Bounds, type RelayBounds } from "./bounds.ts";
import type { Direction } from "./direction.ts";
import { FromClient } from "./from-client.ts";
import { FromServer } from "./from-server.ts";
import { HostKeyProofs } from "./host-key-proofs.ts";
import { PendingReplies } from "./pending-replies.ts";
import type { RelayTap } from "./tap.ts";

export interface RelayOptions {
  /** Logged in, in the server role. */
  readonly downstream: Transport;
  /** Logged in, in the client role. */
  readonly upstream: Transport;
  readonly tap: RelayTap;
  /** Those of the downstream leg; they are the sandbox's own. */
  readonly hostKeys: readonly HostKeyFile[];
  /** Called after `tap.packet` had a request that is answered here instead of upstream, with the request's name. */
  readonly onLocalReply?: (request: string) => void;
  /** Texts of SSH_MSG_DEBUG that sshd sends after a login with a key, after it showed its host keys (`auth_debug_send`). */
  readonly debugLines?: readonly string[];
  /** What the connection may have and ask for; whatever it likes if absent. */
  readonly bounds?: RelayBounds;
  /** Called once, as soon as something ends the relay; `ended` waits for the last byte. */
  readonly onEnd?: (end: RelayEnd) => void;
  /** How long the other leg may take to send out what it has after one leg ended, in milliseconds. */
  readonly lingerMs?: number;
}

export type RelayEnd =
  /** The client's leg ended first: its DISCONNECT, its FIN, a breach of the protocol, or a failing socket. */
  | { readonly kind: "client"; readonly end: TransportEnd }
  /** The upstream's leg did. */
  | { readonly kind: "upstream"; readonly end: TransportEnd }
  | { readonly kind: "tap-failed"; readonly error: unknown }
  /** The client asked for more than `bounds` allow; nothing more was read. */
  | { readonly kind: "flood" }
  /** `close` was called. */
  | { readonly kind: "closed" };

export interface Relay {
  /** Settles when both legs are gone and all that could be delivered was; with what came first. Never rejects. */
  readonly ended: Promise<RelayEnd>;
  /** When the last payload came from either side, on the clock of `performance.now()`, in milliseconds. */
  readonly activity: number;
  /** Ends both legs, if none has ended; what is on its way to either may still leave. */
  close(): void;
}

const LINGER_MS = 60_000;
/** After `close`: a moment for what is on its way. */
const CLOSE_MS = 2000;

/**
 * Passes the payloads of types 80 to 100 between two transports verbatim and in order, recording before forwarding: what one read of a socket
 * brought is given to the tap, the tap is flushed, and only then it leaves on the other leg.
 * A leg that cannot take more stops the reading of the other, so memory is bounded by the sockets' own buffers.
 */
export function startRelay(options: RelayOptions): Relay {
  return new TwoLegs(options);
}

class TwoLegs implements Relay {
  readonly ended: Promise<RelayEnd>;
  readonly #options: RelayOptions;
  readonly #fromClient: FromClient;
  readonly #fromServer: FromServer;
  #cause: RelayEnd | undefined;
  #linger: NodeJS.Timeout | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    const { downstream, upstream, tap } = options;
    const pending = new PendingReplies();
    const bounds = options.bounds && new Bounds(options.bounds);
    const onFailure = (error: unknown) => {
      this.#destroy({ kind: "tap-failed", error });
    };
    this.#fromServer = new FromServer({ downstream, upstream, tap, onFailure, pending, bounds });
    this.#fromClient = new FromClient({
      downstream,
      upstream,
      tap,
      onFailure,
      pending,
      bounds,
      onFlood: () => {
        this.#destroy({ kind: "flood" });
      },
      proofs: new HostKeyProofs(options.hostKeys, downstream.sessionId, downstream.agreed.hostKey),
      onLocalReply: options.onLocalReply,
    });
    this.#fromServer.opposite = this.#fromClient;
    this.#fromClient.opposite = this.#fromServer;
    this.#fromServer.greeting = (options.debugLines ?? []).map(buildDebug);
    this.ended = this.#watch();
    downstream.attach(this.#fromClient);
    upstream.attach(this.#fromServer);
  }

  get #over(): boolean {
    return this.#cause !== undefined;
  }

  get activity(): number {
    return Math.max(this.#fromClient.activity, this.#fromServer.activity);
  }

  close(): void {
    if (this.#over) return; // Whatever came first has its own time to end.
    this.#end({ kind: "closed" });
    this.#options.downstream.end();
    this.#options.upstream.end();
    this.#lingerFor(CLOSE_MS);
  }

  async #watch(): Promise<RelayEnd> {
    const { downstream, upstream } = this.#options;
    const client = downstream.closed.then((end) => {
      this.#oneLegEnded({ kind: "client", end }, this.#fromClient, upstream);
    });
    const server = upstream.closed.then((end) => {
      this.#oneLegEnded({ kind: "upstream", end }, this.#fromServer, downstream);
    });
    await Promise.all([client, server]);
    clearTimeout(this.#linger);
    return this.#cause ?? { kind: "closed" };
  }

  /** What a leg sent before its end has been given to the other by now; that one says the last word and ends in order. */
  #oneLegEnded(cause: RelayEnd & { end: TransportEnd }, last: Direction, other: Transport): void {
    // The transport does not say it for a batch that a DISCONNECT ended.
    if (!this.#over) last.batchEnd();
    if (this.#over) return;
    this.#end(cause);
    if (cause.end.kind === "disconnect") other.send(buildDisconnect(cause.end.code, cause.end.description));
    other.end();
    this.#lingerFor(this.#options.lingerMs ?? LINGER_MS);
  }

  #destroy(cause: RelayEnd): void {
    this.#end(cause);
    this.#options.downstream.destroy();
    this.#options.upstream.destroy();
  }

  #end(cause: RelayEnd): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.#fromClient.stop();
    this.#fromServer.stop();
    this.#options.onEnd?.(cause);
  }

  #lingerFor(milliseconds: number): void {
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => {
      this.#options.downstream.destroy();
      this.#options.upstream.destroy();
    }, milliseconds);
  }
}
