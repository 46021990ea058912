import { buildGlobalRequest, buildRequestFailure, parseGlobal } from "../messages/global.ts";
import { isConnectionMessage, MSG } from "../messages/numbers.ts";
import { Reader } from "../messages/reader.ts";
import { payload as build, string } from "../messages/writer.ts";
import { Direction, type DirectionOptions } from "./direction.ts";
import { PROVE_REQUEST, type HostKeyProofs } from "./host-key-proofs.ts";
import type { PendingReplies, Substitute } from "./pending-replies.ts";

/** Over this many replies that upstream owes, the client is not read; honest clients have a handful open. */
const MOST_PENDING = 1024;
/** Nor with more than this of pongs to come. */
const MOST_PENDING_BYTES = 1 << 20;

/**
 * A request that every sshd answers with a failure and nothing else (OpenSSH's client sends it with ServerAliveInterval). It goes upstream in the
 * place of what is answered here, so that the answer comes after the answers to all that was asked before, as one sshd would give them.
 */
const PLACEHOLDER = buildGlobalRequest("keepalive@openssh.com", true);

export interface FromClientOptions extends DirectionOptions {
  readonly proofs: HostKeyProofs;
  readonly onLocalReply: ((request: string) => void) | undefined;
  /** The client asks for more than its bounds allow. */
  readonly onFlood: () => void;
}

/** From the attacker to the sandbox's sshd. */
export class FromClient extends Direction {
  readonly #pending: PendingReplies;
  readonly #proofs: HostKeyProofs;
  readonly #onLocalReply: ((request: string) => void) | undefined;
  readonly #onFlood: () => void;

  constructor(options: FromClientOptions) {
    super(options.downstream, options.upstream, options);
    this.#pending = options.pending;
    this.#proofs = options.proofs;
    this.#onLocalReply = options.onLocalReply;
    this.#onFlood = options.onFlood;
  }

  protected override get held(): boolean {
    return this.#pending.length > MOST_PENDING || this.#pending.bytes > MOST_PENDING_BYTES;
  }

  protected override take(payload: Buffer, sequence: number): void {
    const type = payload[0] ?? 0;
    if (this.bounds?.allowsRequest(payload) === false) {
      this.#onFlood();
      return;
    }
    if (type === MSG.PING) {
      this.#answerHere({ kind: "pong", payload: build(MSG.PONG, string(new Reader(payload, 1).string())) });
      return;
    }
    if (!isConnectionMessage(type)) {
      // Requests for a service or a login come too late by now, and sshd's table knows none of the rest (`server_init_dispatch`).
      this.#answerHere({ kind: "unimplemented", sequence });
      return;
    }
    this.tap.packet("downstream", payload);
    const refusal = this.bounds?.refusal("downstream", payload);
    if (refusal !== undefined) this.opposite?.answer("upstream", refusal);
    else if (type === MSG.GLOBAL_REQUEST) this.#globalRequest(payload);
    else this.forward(payload);
  }

  #globalRequest(payload: Buffer): void {
    const message = parseGlobal(payload);
    if (message.kind !== "global-request") {
      this.forward(payload); // Cut short: sshd says what it thinks of that.
      return;
    }
    if (message.name !== PROVE_REQUEST) {
      if (message.wantReply) this.#pending.push(undefined);
      this.forward(payload);
      return;
    }
    this.#onLocalReply?.(PROVE_REQUEST);
    if (!message.wantReply) return;
    const keys = message.request.kind === PROVE_REQUEST ? message.request.keys : undefined;
    // One that cannot be made (our own key is damaged) is refused, as sshd does.
    const reply = this.#proofs.reply(keys).catch(buildRequestFailure);
    this.#answerHere({ kind: "reply", payload: reply });
  }

  #answerHere(substitute: Substitute): void {
    this.#pending.push(substitute);
    this.forward(PLACEHOLDER);
  }
}
